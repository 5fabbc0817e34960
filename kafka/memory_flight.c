/* SPDX-License-Identifier: MIT
 * Records that are on their way to the log in memory when their sender is dead, and no one waits
 * for them. */
#include "kafka/memory_broker.h"

#include <stdlib.h>

#include "core/alloc.h"

static void flight_free(memory_flight *flight)
{
    free(flight->payload);
    free(flight->topic);
    free(flight);
}

void stele_memory_land(memory_log *log)
{
    int64_t now_ns = log->flights == NULL ? 0 : stele_memory_now_ns(log);
    memory_flight **at = &log->flights;
    while (*at != NULL) {
        memory_flight *flight = *at;
        if (flight->lands_ns > now_ns) {
            at = &flight->next;
            continue;
        }
        *at = flight->next;
        stele_partition place = {flight->topic, flight->index};
        memory_partition *partition = stele_memory_find_partition(log, place);
        if (partition != NULL && log->up && !stele_memory_is_full(log, flight->topic)) {
            stele_memory_append(partition, flight->payload, flight->timestamp_ms, 0);
            flight->payload = NULL;
            stele_memory_changed(log);
        }
        flight_free(flight);
    }
}

void stele_memory_append_late(memory_log *log, stele_partition partition, memory_payload *payload,
                              int64_t timestamp_ms, int64_t after_ms)
{
    memory_flight *flight = stele_alloc(sizeof *flight);
    *flight = (memory_flight){.next = log->flights,
                              .topic = stele_strdup(partition.topic),
                              .index = partition.index,
                              .payload = payload,
                              .timestamp_ms = timestamp_ms,
                              .lands_ns = stele_memory_now_ns(log) + after_ms * 1000000};
    log->flights = flight;
}

void stele_memory_flights_clear(memory_log *log)
{
    while (log->flights != NULL) {
        memory_flight *flight = log->flights;
        log->flights = flight->next;
        flight_free(flight);
    }
}

void stele_log_memory_append_late(stele_log *base, const stele_log_entry *entry, int64_t after_ms)
{
    memory_log *log = (memory_log *)base;
    memory_payload *payload =
        stele_memory_payload_copy(entry->key, entry->value, entry->headers, entry->header_count);
    stele_monitor_lock(&log->monitor);
    stele_memory_append_late(log, entry->partition, payload, entry->timestamp_ms, after_ms);
    stele_monitor_unlock(&log->monitor);
}
