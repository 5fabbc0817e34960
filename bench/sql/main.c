/* SPDX-License-Identifier: MIT
 * One run of the SQL benchmark: events into an empty database in one of the ways. bench/sql/run
 * interleaves the ways, looks at what is in the tables, and takes medians. */
#include "sql.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

double sql_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void sql_die(const char *what, const char *why)
{
    fprintf(stderr, "bench-sql: %s: %s\n", what, why);
    exit(1);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        double (*run)(const sql_run *run);
    } ways[] = {{"rows-hand", sql_rows_by_hand},
                {"rows-stele", sql_rows_by_stele},
                {"fold-hand", sql_fold_by_hand},
                {"fold-stele", sql_fold_by_stele},
                {"restart-stele", sql_restart_of_stele}};
    if (argc != 5) sql_die("usage", "bench-sql WAY BROKERS TOPIC URL");
    const sql_run run = {argv[2], argv[3], argv[4]};
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        if (strcmp(argv[1], ways[i].name) != 0) continue;
        printf("%.4f\n", ways[i].run(&run));
        return 0;
    }
    sql_die(argv[1], "expected rows-hand, rows-stele, fold-hand, fold-stele or restart-stele");
}
