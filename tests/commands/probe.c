/* SPDX-License-Identifier: MIT
 * A program with one projection for the tests of the commands. The environment names aggregate and
 * projection (STELE_TEST_NAME), so that tests share a broker; an event says how its apply function
 * behaves. With STELE_TEST_REFUSES it refuses numbers below 0. STELE_TEST_VERSION is the
 * projection's; above 1 it counts numbers double. */
#include <stele/stele.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "probed.h"
#include "sum.h"

static void pause_ms(int32_t ms)
{
    struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    while (nanosleep(&left, &left) != 0)
        continue;
}

/* Letters that do not compress: the limit of a record counts compressed bytes. */
static void grow(stele_bytes *ballast, int32_t size)
{
    char *letters = malloc((size_t)size);
    if (letters == NULL) abort();
    uint32_t random = 1;
    for (int32_t i = 0; i < size; i++) {
        random = random * 1664525 + 1013904223;
        letters[i] = (char)(' ' + (random >> 24) % 95);
    }
    stele_text_set(ballast, (stele_bytes){(const uint8_t *)letters, (size_t)size});
    free(letters);
}

static stele_status apply_probed(void *state, const void *data, const stele_event *event,
                                 stele_error *err)
{
    (void)event;
    const probe_probed *probed = data;
    probe_sum *sum = state;
    if (probed->number < 0 && getenv("STELE_TEST_REFUSES") != NULL)
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_REJECT, "less than nothing");
    if (probed->pause_ms > 0) pause_ms(probed->pause_ms);
    if (probed->grow > 0) grow(&sum->ballast, probed->grow);
    const char *version = getenv("STELE_TEST_VERSION");
    sum->total += version == NULL ? probed->number : 2 * probed->number;
    return STELE_OK;
}

int main(int argc, char **argv)
{
    const char *name = getenv("STELE_TEST_NAME");
    if (name == NULL) {
        fprintf(stderr, "probe: STELE_TEST_NAME is not set\n");
        return 2;
    }
    const stele_handler handlers[] = {{&probe_probed_type, apply_probed}, {NULL, NULL}};
    const stele_aggregate aggregate = {
        .name = name,
        .events = (const stele_type *const[]){&probe_probed_type, NULL},
    };
    /* With STELE_TEST_DECIDES there is another one, which a writer owns. */
    const char *decides = getenv("STELE_TEST_DECIDES");
    const stele_aggregate other = {
        .name = decides,
        .events = aggregate.events,
        .version = 1,
        .state = &probe_sum_type,
        .handlers = handlers,
    };
    const char *version = getenv("STELE_TEST_VERSION");
    const stele_projection projection = {
        .name = name,
        .version = version == NULL ? 1 : (int)strtol(version, NULL, 10),
        .source = &aggregate,
        .state = &probe_sum_type,
        .handlers = handlers,
    };
    return stele_main(
        argc, argv,
        &(stele_app){
            .name = "probe",
            .aggregates =
                (const stele_aggregate *const[]){&aggregate, decides == NULL ? NULL : &other, NULL},
            .projections = (const stele_projection *const[]){&projection, NULL},
        });
}
