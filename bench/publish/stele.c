/* SPDX-License-Identifier: MIT
 * Stele's publisher with the code that is generated for the event. */
#include "publish.h"

#include <stele/publisher.h>

#include <stdio.h>

#include "movement.h"

enum { WAIT_MS = 60000 };

static void on_delivered(void *context, const stele_delivery *delivery)
{
    if (delivery->failure != NULL) publish_die("delivery", delivery->failure->text);
    ++*(int64_t *)context;
}

static void publish_one(stele_publisher *publisher, const publish_movement *movement)
{
    stele_error err;
    stele_status status;
    bench_movement event = {.account = stele_bytes_of(movement->account, movement->account_size),
                            .sequence = movement->sequence,
                            .amount_cents = movement->amount_cents,
                            .booked_at = movement->booked_at,
                            .kind = movement->kind,
                            .has_counterparty = true,
                            .counterparty =
                                stele_bytes_of(movement->counterparty, movement->counterparty_size),
                            .purpose = stele_text(publish_purpose)};
    while ((status = stele_publisher_publish(publisher, event.account, &bench_movement_type, &event,
                                             NULL, &err)) == STELE_E_FULL)
        stele_publisher_poll(publisher, 100, &err);
    if (status < 0) publish_die("publish", err.text);
}

publish_result publish_stele(const publish_run *run)
{
    int64_t delivered = 0;
    char brokers[128];
    stele_error err;
    stele_client *client;
    stele_publisher *publisher;
    snprintf(brokers, sizeof brokers, "kafka.bootstrap.servers=%s", run->brokers);
    const char *const overrides[] = {brokers, NULL};
    stele_client_options of_client = {.overrides = overrides, .name = "bench"};
    stele_publisher_options options = {.aggregate = run->aggregate,
                                       .headers = run->cloudevents ? STELE_HEADERS_CLOUDEVENTS
                                                                   : STELE_HEADERS_MINIMAL,
                                       .queue_max = (size_t)QUEUE_MIB << 20,
                                       .compression = run->codec,
                                       .linger_ms = LINGER_MS,
                                       .delivered = on_delivered,
                                       .context = &delivered};
    publish_movement first;
    if (stele_client_open(&of_client, &client, &err) < 0) publish_die("client", err.text);
    if (stele_publisher_open(client, &options, &publisher, &err) < 0)
        publish_die("publisher", err.text);
    publish_make(0, &first); /* registers the schema; not measured */
    publish_one(publisher, &first);
    if (stele_publisher_flush(publisher, WAIT_MS, &err) < 0) publish_die("flush", err.text);
    delivered = 0;

    double begin = publish_now();
    for (int64_t i = 0; i < run->events; i++) {
        publish_movement movement;
        publish_make(i, &movement);
        publish_one(publisher, &movement);
    }
    if (stele_publisher_flush(publisher, WAIT_MS, &err) < 0) publish_die("flush", err.text);
    publish_result result = {delivered, publish_now() - begin};
    stele_publisher_close(publisher, WAIT_MS, NULL);
    stele_client_close(client);
    return result;
}
