/* SPDX-License-Identifier: MIT
 * One way to publish the events of the benchmark. */
#ifndef STELE_BENCH_PUBLISH_H
#define STELE_BENCH_PUBLISH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ACCOUNTS = 20000, LINGER_MS = 5, QUEUE_MIB = 128 };

typedef struct publish_run {
    const char *brokers;
    const char *aggregate; /* the topic "<aggregate>.events" exists */
    const char *codec;
    bool cloudevents; /* all headers of a CloudEvent, else ce_id alone */
    int64_t events;
} publish_run;

typedef struct publish_result {
    int64_t delivered;
    double seconds; /* from the first event to the last acknowledgement */
} publish_result;

publish_result publish_raw(const publish_run *run);
publish_result publish_stele(const publish_run *run);

/** The number's event: an account id as text, and what is in it. */
typedef struct publish_movement {
    char account[16];
    size_t account_size;
    int64_t sequence;
    int64_t amount_cents;
    int64_t booked_at;
    int32_t kind;
    char counterparty[16];
    size_t counterparty_size;
} publish_movement;

/** Event `number`; the purpose is the same text in all of them. */
void publish_make(int64_t number, publish_movement *out);
extern const char publish_purpose[];

double publish_now(void);
_Noreturn void publish_die(const char *what, const char *why);

#endif
