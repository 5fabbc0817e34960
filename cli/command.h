/* SPDX-License-Identifier: MIT
 * What a command is, and what all of them share: the application, the streams, the configuration,
 * the handles, and the stop request. One cmd_*.c per command. */
#ifndef STELE_CLI_COMMAND_H
#define STELE_CLI_COMMAND_H

#include <stdatomic.h>
#include <stdio.h>

#include <stele/app.h>
#include <stele/client.h>

#include "aggregates/aggregate.h"
#include "aggregates/companion.h"
#include "cli/arguments.h"
#include "core/text.h"
#include "kafka/log.h"
#include "registry/registry.h"

typedef enum stele_exit {
    STELE_EXIT_DONE = 0,
    STELE_EXIT_FAILED = 1,
    STELE_EXIT_USAGE = 2,
    STELE_EXIT_FOUND = 3 /* a check found something */
} stele_exit;

typedef struct stele_cli stele_cli;

/** A command of the program. The table in cli/commands.c ends with .name == NULL. */
typedef struct stele_cli_command {
    const char *name;     /* one or two words: "schema check" */
    const char *operands; /* as in the help: "OLD NEW" */
    size_t operand_min, operand_max;
    const char *summary;         /* one line */
    const char *details;         /* paragraphs of the help; NULL: none */
    const char *example;         /* commands that a person can type, one per line */
    const stele_option *options; /* NULL: none of its own */
    bool configuration;          /* its help lists the configuration keys too */
    bool
        drains; /* after a signal it ends by itself, within a time of its own; others in a second */
    stele_exit (*run)(stele_cli *cli, const stele_arguments *arguments);
} stele_cli_command;

/** The signal that asked a command to end. */
typedef struct stele_cli_signal {
    atomic_int number; /* 0: none came */
    atomic_int sender; /* its process; 0: not known, as of a terminal's */
} stele_cli_signal;

/** One run of the program. */
struct stele_cli {
    const stele_app *app;
    const stele_cli_command *command;
    const stele_arguments *arguments;
    FILE *in, *out, *err;
    bool json;            /* --json: one object per line */
    bool terminal;        /* messages go to a terminal: progress may be drawn */
    int timeout_ms;       /* --timeout, for commands that run once */
    atomic_bool *stop;    /* set by SIGINT and SIGTERM */
    stele_stop *stop_run; /* the same, for workers */
    const stele_cli_signal *signal;
    atomic_bool *ended;   /* set by a command that was stopped and has done all that counts: it may
                             still free for longer than its second, and exits with 0 */
    stele_client *client; /* opened by the first stele_cli_client */
};

/** The table of all commands. */
extern const stele_cli_command stele_commands[];

/** The connection, opened with -c, -o and the environment. @return NULL: already printed on `err`
 */
stele_client *stele_cli_client(stele_cli *cli);

/** One line for people: what stele_show makes of the formatted text, so that nothing from outside
 * in it acts on a terminal or looks like another line. */
void stele_cli_print(FILE *out, const char *format, ...) STELE_PRINTF(2, 3);

/** One line of JSON. What stele_show does not show, and is within its strings, is escaped. */
void stele_cli_print_json(FILE *out, stele_bytes json);

/** "stele: TEXT" on `err`, as stele_cli_print prints it. @return `code`, so that failing is one
 * line */
stele_exit stele_cli_fail(stele_cli *cli, stele_exit code, const char *format, ...)
    STELE_PRINTF(3, 4);

/** The same for an error value. @return STELE_EXIT_FAILED */
stele_exit stele_cli_fail_error(stele_cli *cli, const stele_error *err);

/**
 * The same, where the topic of an aggregate's events was asked for: if it is that which is missing,
 * the line that makes it is said too.
 */
stele_exit stele_cli_fail_topic(stele_cli *cli, const char *aggregate, const stele_error *err);

/** "left out account.events/2: WHY": a partition that could not be done, while the others were. The
 * command exits with STELE_EXIT_FOUND. */
void stele_cli_say_left_out(stele_cli *cli, stele_partition partition, const stele_error *why);

/**
 * Has another partitioner put an event where its aggregate does not belong?
 * @param say  then name its position, and what to do, on `err`
 */
bool stele_cli_is_stray(stele_cli *cli, stele_partition partition, const stele_record *record,
                        int32_t partitions, bool say);

/** The application's aggregate of that name. @return NULL: it has none */
const stele_aggregate *stele_cli_aggregate(const stele_cli *cli, const char *name);

/** The application's projection of that name. @return NULL: it has none */
const stele_projection *stele_cli_projection(const stele_cli *cli, const char *name);

/** What is kept of aggregates under a name. */
typedef struct stele_cli_fold {
    const stele_projection *projection; /* NULL: the application has none of that name */
    stele_projection *writers;          /* owned; NULL: it is no writer's */
    stele_remembered_limits limits; /* of a writer's, and what it keeps beside the states; … */
    stele_companion companion;      /* … points to it, so that neither is to be moved */
} stele_cli_fold;

/** The application's projection of that name, or, by the name of an aggregate that decides or of
 * its writer, the states that the writer keeps. @param out  cleared by the caller */
void stele_cli_find_fold(const stele_cli *cli, const char *name, stele_cli_fold *out);
void stele_cli_fold_clear(stele_cli_fold *fold);
STELE_VALUE_SCOPE(stele_cli_fold, stele_cli_fold_clear);

/** "; did you mean NAME?" for the application's projection whose name is near, else "". */
stele_quoted stele_cli_near_projection(const stele_cli *cli, const char *name);

/** A projection with what the configuration says of its events. The client must be open. */
stele_projection stele_cli_configured(const stele_cli *cli, const stele_projection *projection);

/**
 * A file's content. "-" is standard input.
 * @param out  cleared by the caller
 * @return STELE_E_NOT_FOUND, STELE_E_LIMIT, STELE_E_INVALID; the text names the file and why
 */
stele_status stele_cli_read_file(stele_cli *cli, const char *path, size_t size_max,
                                 stele_buffer *out, stele_error *err);

/** Parse the schema files of --with, each seeing those before it, then `path` with all of them. */
typedef struct stele_schema_files {
    stele_schema **with; /* NULL-terminated; owned */
    stele_schema *schema;
} stele_schema_files;
stele_status stele_cli_schema(stele_cli *cli, const stele_arguments *arguments, const char *path,
                              stele_schema_files *out, stele_error *err);
void stele_schema_files_clear(stele_schema_files *files);
STELE_VALUE_SCOPE(stele_schema_files, stele_schema_files_clear);

#endif
