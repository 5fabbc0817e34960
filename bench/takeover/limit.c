/* SPDX-License-Identifier: MIT
 * The least that anyone has to do to take so many partitions, by hand: a transactional producer for
 * each, with the settings of Stele's that count, initialised all at once, each in a thread. It asks
 * for no offset and reads nothing. Its line is that of bench-takeover. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include <librdkafka/rdkafka.h>

#include "replay/memory.h"
#include "takeover/watch.h"

enum { PATIENCE_MS = 30000, PRODUCERS_MAX = 1024 };

static const char *servers;
static const char *name;

typedef struct owner {
    int index;
    pthread_t thread;
    rd_kafka_t *producer;
} owner;

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "bench-takeover-limit: %s\n", what);
    exit(1);
}

static double now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static double cpu_seconds(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void set(rd_kafka_conf_t *conf, const char *key, const char *value)
{
    char text[256];
    if (rd_kafka_conf_set(conf, key, value, text, sizeof text) != RD_KAFKA_CONF_OK) die(text);
}

static void *take(void *argument)
{
    owner *self = argument;
    char id[200];
    char text[256];
    snprintf(id, sizeof id, "%s-%d", name, self->index);
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", servers);
    set(conf, "transactional.id", id);
    set(conf, "transaction.timeout.ms", "10000");
    set(conf, "socket.timeout.ms", "9900");
    set(conf, "delivery.timeout.ms", "10000");
    set(conf, "retry.backoff.ms", "1");
    set(conf, "socket.nagle.disable", "true");
    self->producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
    if (self->producer == NULL) die(text);
    rd_kafka_error_t *error = rd_kafka_init_transactions(self->producer, PATIENCE_MS);
    if (error != NULL) die(rd_kafka_error_string(error));
    return NULL;
}

static void *leave(void *argument)
{
    rd_kafka_destroy(((owner *)argument)->producer);
    return NULL;
}

static void all_at_once(owner *owners, int count, void *(*run)(void *))
{
    for (int i = 0; i < count; i++) {
        owners[i].index = i;
        if (pthread_create(&owners[i].thread, NULL, run, &owners[i]) != 0) die("no thread");
    }
    for (int i = 0; i < count; i++)
        pthread_join(owners[i].thread, NULL);
}

int main(int argc, char **argv)
{
    static owner owners[PRODUCERS_MAX];
    int count = argc == 4 ? (int)strtol(argv[2], NULL, 10) : 0;
    if (count < 1 || count > PRODUCERS_MAX) {
        fprintf(stderr, "usage: bench-takeover-limit BROKERS PARTITIONS NAME\n");
        return 2;
    }
    servers = argv[1];
    name = argv[3];
    watch seen;
    if (!watch_begin(&seen)) die("no thread");
    double begun_ms = now_ms();
    all_at_once(owners, count, take);
    double taken_ms = now_ms();
    long threads = memory_status("Threads") - 1;
    double cpu = cpu_seconds();
    all_at_once(owners, count, leave);
    double closed_ms = now_ms();
    watch_end(&seen);
    printf("%.1f %.1f %ld %ld %ld %.3f %.3f 0\n", taken_ms - begun_ms, closed_ms - taken_ms,
           threads, seen.threads_max, seen.rss_max_kib / 1024, cpu, cpu_seconds() - cpu);
    return 0;
}
