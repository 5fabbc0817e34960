/* SPDX-License-Identifier: MIT
 * An aggregate served by the writer of this process. */
#ifndef STELE_SERVER_AGGREGATE_WRITER_H
#define STELE_SERVER_AGGREGATE_WRITER_H

#include "aggregates/owner_table.h"
#include "server/aggregate_api.h"

typedef struct stele_serving_writer stele_serving_writer;

/**
 * @param writer  borrowed, as the table of owners; they outlive it
 * @return caller owns; release with stele_serving_writer_free
 */
stele_serving_writer *stele_serving_writer_new(stele_writer *writer, stele_owner_table *table);
void stele_serving_writer_free(stele_serving_writer *serving);

/** For the API. */
stele_served_aggregate stele_serving_writer_port(stele_serving_writer *serving);

#endif
