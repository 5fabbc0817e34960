/* SPDX-License-Identifier: MIT
 * Which partition a key belongs to: murmur2, as Java's default partitioner and librdkafka's
 * murmur2_random choose for keys that are not null. A pure function; asks no broker. */
#ifndef STELE_KAFKA_PARTITIONER_H
#define STELE_KAFKA_PARTITIONER_H

#include <stele/bytes.h>
#include <stele/error.h>

/** The partition of `key` among `count` of them (KIP-480 leaves keyed records as they were). */
int32_t stele_log_partition_of(stele_bytes key, int32_t count);

/**
 * Is `key` in the partition that it belongs to?
 * @return STELE_E_INVALID  it is not: another partitioner has put it there (next = STOP)
 */
stele_status stele_log_check_partition(stele_bytes key, int32_t partition, int32_t count,
                                       stele_error *err);

#endif
