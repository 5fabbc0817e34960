// SPDX-License-Identifier: MIT
// A projection in C++: what the readings of each electricity meter cost. C++17 has no designated
// initialisers, so the tables are made by functions; a table of prices is the projection's context.
#include "meters.h"

#include <cmath>

#include "bill.h"
#include "reading.h"

namespace {

struct tariff {
    double cents_per_kwh;
};

stele_status apply_reading(void *state, const void *data, const stele_event *event,
                           stele_error *err)
{
    auto &bill = *static_cast<meters_bill *>(state);
    const auto &reading = *static_cast<const meters_reading *>(data);
    const auto &price = *static_cast<const tariff *>(event->context);
    if (reading.kwh < bill.last_kwh)
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP, "a meter never runs backwards");
    if (event->version > 1)
        bill.cents += std::llround((reading.kwh - bill.last_kwh) * price.cents_per_kwh);
    bill.last_kwh = reading.kwh;
    if (reading.has_note) stele_text_set(meters_bill_notes_add(&bill.notes), reading.note);
    return STELE_OK;
}

const stele_type *const events[] = {&meters_reading_type, nullptr};
const stele_handler handlers[] = {{&meters_reading_type, apply_reading}, {nullptr, nullptr}};
const tariff prices = {31.5};

} // namespace

const stele_aggregate meter = [] {
    stele_aggregate table = {};
    table.name = "meter";
    table.events = events;
    return table;
}();

const stele_projection bills = [] {
    stele_projection table = {};
    table.name = "bills";
    table.version = 1;
    table.source = &meter;
    table.state = &meters_bill_type;
    table.handlers = handlers;
    table.context = &prices;
    return table;
}();
