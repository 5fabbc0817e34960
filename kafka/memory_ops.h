/* SPDX-License-Identifier: MIT
 * The operations of the log in memory, each table in the file of its noun. For memory_log.c. */
#ifndef STELE_KAFKA_MEMORY_OPS_H
#define STELE_KAFKA_MEMORY_OPS_H

#include "kafka/log_port.h"

extern const stele_reader_ops stele_memory_reader_ops;
/** What ends the wait of a reader once it is set, with the monitor held. */
bool *stele_memory_reader_woken(stele_log_reader *reader);

extern const stele_member_ops stele_memory_member_ops;
extern const stele_producer_ops stele_memory_producer_ops;
extern const stele_transaction_ops stele_memory_transaction_ops;
extern const stele_group_ops stele_memory_group_ops;
extern const stele_topic_ops stele_memory_topic_ops;

#endif
