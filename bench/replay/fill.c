/* SPDX-License-Identifier: MIT
 * The events of the replay benchmark: the same ones each time, so that every way must find the same
 * balances. Prints how many accounts and cents there are. */
#include "fill.h"

#include <stele/stele.h>

#include <inttypes.h>
#include <stdio.h>

#include "movement.h"
#include "replay.h"

/* splitmix64: good enough for data, and the same on every machine. */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static void check(stele_status status, const stele_error *err)
{
    if (status < 0) replay_die("fill", err->text);
}

int replay_fill(const char *brokers, const char *aggregate, const char *compression, long count,
                uint64_t accounts)
{
    char servers[256];
    snprintf(servers, sizeof servers, "kafka.bootstrap.servers=%s", brokers);
    stele_error err = {0};
    stele_client *client = NULL;
    stele_publisher *publisher = NULL;
    check(stele_client_open(
              &(stele_client_options){.overrides = (const char *const[]){servers, NULL}}, &client,
              &err),
          &err);
    check(stele_publisher_open(
              client,
              &(stele_publisher_options){.aggregate = aggregate, .compression = compression},
              &publisher, &err),
          &err);
    uint64_t state = 1;
    int64_t sum_cents = 0;
    for (long i = 0; i < count; i++) {
        char account[24], counterparty[24], purpose[96];
        uint64_t random = next_random(&state);
        snprintf(account, sizeof account, "A%07" PRIu64,
                 (uint64_t)i < accounts ? (uint64_t)i : random % accounts); /* none is left out */
        snprintf(counterparty, sizeof counterparty, "B%07" PRIu64, random / 7 % accounts);
        snprintf(purpose, sizeof purpose,
                 "invoice %016" PRIx64 ", thank you for your order no. %08ld, see you",
                 next_random(&state), i);
        bench_movement movement = {
            .account = stele_text(account),
            .sequence = i,
            .amount_cents = (int64_t)(random >> 20 & 0xfffff) - 0x70000,
            .booked_at = INT64_C(1700000000000) + i * 37,
            .kind = (int32_t)(random >> 40) & 1,
            .has_counterparty = (random >> 44 & 3) != 0,
            .counterparty = stele_text(counterparty),
            .purpose = stele_text(purpose),
        };
        sum_cents += movement.amount_cents;
        stele_status status;
        while ((status = stele_publisher_publish(publisher, movement.account, &bench_movement_type,
                                                 &movement, NULL, &err)) == STELE_E_FULL)
            check(stele_publisher_poll(publisher, 100, &err), &err);
        check(status, &err);
    }
    check(stele_publisher_close(publisher, 120000, &err), &err);
    stele_client_close(client);
    printf("fill %ld %" PRId64 "\n", count, sum_cents);
    return 0;
}
