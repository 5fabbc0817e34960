/* SPDX-License-Identifier: MIT
 * murmur2 as Kafka's Java client has it (org.apache.kafka.common.utils.Utils.murmur2). */
#include "kafka/partitioner.h"

#include <inttypes.h>

#include "core/text.h"

#define SEED       0x9747b28cU
#define MULTIPLIER 0x5bd1e995U
#define ROTATION   24

static uint32_t mix(uint32_t word)
{
    word *= MULTIPLIER;
    word ^= word >> ROTATION;
    return word * MULTIPLIER;
}

static uint32_t murmur2(stele_bytes key)
{
    uint32_t hash = SEED ^ (uint32_t)key.size;
    size_t at = 0;
    for (; key.size - at >= 4; at += 4) {
        uint32_t word = (uint32_t)key.data[at] | (uint32_t)key.data[at + 1] << 8 |
                        (uint32_t)key.data[at + 2] << 16 | (uint32_t)key.data[at + 3] << 24;
        hash = hash * MULTIPLIER ^ mix(word);
    }
    size_t left = key.size - at;
    if (left > 0) {
        for (size_t i = left; i > 0; i--)
            hash ^= (uint32_t)key.data[at + i - 1] << 8 * (i - 1);
        hash *= MULTIPLIER;
    }
    hash ^= hash >> 13;
    hash *= MULTIPLIER;
    return hash ^ hash >> 15;
}

int32_t stele_log_partition_of(stele_bytes key, int32_t count)
{
    return (int32_t)(murmur2(key) & 0x7fffffffU) % count;
}

stele_status stele_log_check_partition(stele_bytes key, int32_t partition, int32_t count,
                                       stele_error *err)
{
    int32_t right = stele_log_partition_of(key, count);
    if (right == partition) return STELE_OK;
    return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                      "the key %s belongs to partition %" PRId32 " of %" PRId32
                      ": its producer has another partitioner, or the topic was given more "
                      "partitions, which splits aggregates; set partitioner=murmur2_random there, "
                      "and copy the events to a new topic",
                      stele_quote(key).text, right, count);
}
