/* SPDX-License-Identifier: MIT
 * How long stele_state_get takes: with a worker of the same client that has the state in memory,
 * and from the topics, in turn. Each answer is compared with the other's. Run by bench/get/run. */
#include <stele/stele.h>

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "balance.h"
#include "movement.h"

enum { CALLS = 500, REST_MS = 200 };

static atomic_llong applied; /* by the worker, and by calls that read the topics */

static void must(stele_status status, const stele_error *err)
{
    if (status >= 0) return;
    fprintf(stderr, "bench-get: %s\n", err->text);
    exit(1);
}

static double now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static stele_status apply_movement(void *state, const void *data, const stele_event *event,
                                   stele_error *err)
{
    (void)event, (void)err;
    bench_balance *balance = state;
    const bench_movement *movement = data;
    balance->balance_cents += movement->amount_cents;
    balance->movements++;
    balance->last_booked_at = movement->booked_at;
    atomic_fetch_add(&applied, 1);
    return STELE_OK;
}

static const stele_handler handlers[] = {{&bench_movement_type, apply_movement}, {NULL, NULL}};

typedef struct service {
    stele_client *client;
    const stele_projection *projection;
    stele_stop *stop;
} service;

static void *run_worker(void *context)
{
    const service *self = context;
    stele_error err;
    const stele_app app = {
        .name = "bench", .projections = (const stele_projection *const[]){self->projection, NULL}};
    must(stele_run(self->client, &app, self->stop, &err), &err);
    return NULL;
}

static stele_client *connect_to(const char *brokers)
{
    char servers[256];
    stele_error err;
    stele_client *client = NULL;
    snprintf(servers, sizeof servers, "kafka.bootstrap.servers=%s", brokers);
    const char *const overrides[] = {servers, "worker.log_level=error", NULL};
    must(stele_client_open(&(stele_client_options){.overrides = overrides}, &client, &err), &err);
    return client;
}

/* @return microseconds */
static double get(stele_client *client, const stele_projection *projection, const char *id,
                  bench_balance *balance)
{
    stele_error err;
    double begun_us = now_us();
    must(stele_state_get(client, projection, stele_text(id), 0, balance, NULL, &err), &err);
    return now_us() - begun_us;
}

static int compare(const void *a, const void *b)
{
    double left = *(const double *)a;
    double right = *(const double *)b;
    return (left > right) - (left < right);
}

static void print(const char *name, double *times_us)
{
    qsort(times_us, CALLS, sizeof *times_us, compare);
    printf("%-12s p50 %8.2f ms  p99 %8.2f ms\n", name, times_us[CALLS / 2] / 1e3,
           times_us[CALLS * 99 / 100] / 1e3);
}

static void measure(stele_client *with, stele_client *without, const stele_projection *projection,
                    long accounts)
{
    static double near_us[CALLS], far_us[CALLS];
    uint64_t random = 88172645463325252u;
    for (int i = 0; i < CALLS; i++) {
        char id[32];
        bench_balance near = {0}, far = {0};
        random ^= random << 13, random ^= random >> 7, random ^= random << 17;
        snprintf(id, sizeof id, "A%07" PRIu64, random % (uint64_t)accounts);
        near_us[i] = get(with, projection, id, &near);
        far_us[i] = get(without, projection, id, &far);
        if (near.movements != far.movements || near.balance_cents != far.balance_cents) {
            fprintf(stderr, "bench-get: the states of %s differ\n", id);
            exit(1);
        }
    }
    print("worker", near_us);
    print("topics", far_us);
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: bench-get BROKERS AGGREGATE EVENTS ACCOUNTS\n");
        return 2;
    }
    const stele_aggregate aggregate = {
        .name = argv[2], .events = (const stele_type *const[]){&bench_movement_type, NULL}};
    const stele_projection projection = {.name = "got",
                                         .version = 1,
                                         .source = &aggregate,
                                         .state = &bench_balance_type,
                                         .handlers = handlers};
    service own = {connect_to(argv[1]), &projection, stele_stop_new()};
    stele_client *without = connect_to(argv[1]);
    pthread_t thread;
    if (pthread_create(&thread, NULL, run_worker, &own) != 0) return 1;
    const struct timespec rest = {.tv_nsec = REST_MS * 1000000};
    while (atomic_load(&applied) < strtoll(argv[3], NULL, 10))
        nanosleep(&rest, NULL);

    measure(own.client, without, &projection, strtol(argv[4], NULL, 10));

    stele_stop_ask(own.stop);
    pthread_join(thread, NULL);
    stele_stop_free(own.stop);
    stele_client_close(without);
    stele_client_close(own.client);
    return 0;
}
