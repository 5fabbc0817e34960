/* SPDX-License-Identifier: MIT
 * The log's contract on the log in memory. */
#include "kafka/memory_log.h"
#include "log_contract.h"

static stele_log *open_memory(void)
{
    stele_log *log = NULL;
    MUST(stele_log_memory_new(NULL, &log, &err));
    return log;
}

/* Every member of a log in memory is that impatient: its session time-out is a second. */
static stele_log *same_log(void)
{
    return the_log;
}

static void leave_open(stele_log *log)
{
    (void)log;
}

static void delete_records(stele_log *log, stele_partition partition, int64_t before)
{
    MUST(stele_log_memory_delete_records(log, partition, before, &err));
}

int main(void)
{
    return run_log_contract(&(contract_subject){.open = open_memory,
                                                .open_impatient = same_log,
                                                .close_impatient = leave_open,
                                                .delete_records = delete_records});
}
