-- What each customer has bought, for whoever asks in SQL.
-- projection: top_customers
-- version: 1
-- source: customer.events

-- setup
CREATE TABLE customers (
    customer_id TEXT PRIMARY KEY,
    purchases INTEGER NOT NULL,
    cds INTEGER NOT NULL,
    cents INTEGER NOT NULL,
    last_day TEXT NOT NULL
);
CREATE INDEX customers_by_cents ON customers (cents);

-- on shop.Purchase
INSERT INTO customers VALUES (:customer_id, 1, :quantity, round(100 * :amount), :ordered_on)
ON CONFLICT (customer_id) DO UPDATE SET
    purchases = purchases + 1,
    cds = cds + excluded.cds,
    cents = cents + excluded.cents,
    last_day = max(last_day, excluded.last_day);

-- teardown
DROP TABLE customers;
