/* SPDX-License-Identifier: MIT
 * Whether a partition may be gone on with from where a database stands. */
#ifndef STELE_PROJECTIONS_SQL_RESUME_H
#define STELE_PROJECTIONS_SQL_RESUME_H

#include "snapshots/restore.h"
#include "stores/sql_store.h"

/**
 * The same as of a fold: the position in the database is its checkpoint.
 *
 * @param facts  all but what is of snapshots
 * @return as stele_restore_validate
 */
stele_status stele_sql_resume(const stele_sql_claim *claimed, const stele_restore_facts *facts,
                              stele_resume *out, stele_error *err);

/** Say that the database was opened again while the partition was taken: it may be another one.
 * @return STELE_E_UNAVAILABLE (next = ABORT) */
stele_status stele_sql_fail_opened(stele_error *err, stele_partition source);

#endif
