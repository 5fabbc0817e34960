/* SPDX-License-Identifier: MIT
 * The table of commands, in the order of the help. */
#include "cli/cmd.h"

static const char *const json_forms[] = {"hex", "json", "plain", NULL};
static const char *const modes[] = {"none",
                                    "backward",
                                    "forward",
                                    "full",
                                    "backward-transitive",
                                    "forward-transitive",
                                    "full-transitive",
                                    NULL};
static const char *const algorithms[] = {"crc64", "sha256", NULL};

#define WITH                                                                                       \
    {                                                                                              \
        .name = "with", .kind = STELE_OPTION_LIST, .value = "FILE",                                \
        .help = "schema whose named types FILE refers to; again and again"                         \
    }

static const stele_option schema_check_options[] = {
    {.name = "mode",
     .kind = STELE_OPTION_TEXT,
     .value = "MODE",
     .choices = modes,
     .help = "compatibility (default: backward: NEW reads what OLD wrote)"},
    WITH,
    {0}};

static const stele_option schema_options[] = {WITH, {0}};

static const stele_option fingerprint_options[] = {
    {.name = "algorithm",
     .kind = STELE_OPTION_TEXT,
     .value = "NAME",
     .choices = algorithms,
     .help = "crc64 (CRC-64-AVRO, the default) or sha256"},
    {.name = "decimal", .kind = STELE_OPTION_FLAG, .help = "the CRC as a signed decimal number"},
    WITH,
    {0}};

static const stele_option generate_options[] = {
    {.name = "output",
     .letter = 'o',
     .kind = STELE_OPTION_TEXT,
     .value = "DIR",
     .help = "where the .h and .c go (default: the current folder)"},
    {.name = "prefix",
     .kind = STELE_OPTION_TEXT,
     .value = "NAME_",
     .help = "in front of every C name and file name, for two versions of a type"},
    WITH,
    {0}};

static const stele_option convert_options[] = {
    {.name = "writer",
     .kind = STELE_OPTION_TEXT,
     .value = "FILE",
     .required = true,
     .help = "schema that the data were written with"},
    {.name = "reader",
     .kind = STELE_OPTION_TEXT,
     .value = "FILE",
     .help = "schema to read them as (default: the writer's)"},
    {.name = "from",
     .kind = STELE_OPTION_TEXT,
     .value = "FORM",
     .choices = json_forms,
     .help = "what standard input holds: hex (default), json (Avro's) or plain"},
    {.name = "to",
     .kind = STELE_OPTION_TEXT,
     .value = "FORM",
     .choices = json_forms,
     .help = "what to print: json (default), plain or hex"},
    WITH,
    {0}};

static const char *const formats[] = {"csv", "json", NULL};
static const char *const header_styles[] = {"minimal", "cloudevents", NULL};

static const stele_option topics_create_options[] = {
    {.name = "partitions",
     .kind = STELE_OPTION_INT,
     .value = "N",
     .min = 1,
     .max = 10000,
     .help = "how many, forever: keys would move with another number (default: 4)"},
    {.name = "replication",
     .kind = STELE_OPTION_INT,
     .value = "N",
     .min = 1,
     .max = 100,
     .help = "copies of each record (default: the broker's)"},
    {0}};

static const stele_option topics_delete_options[] = {
    {.name = "yes", .kind = STELE_OPTION_FLAG, .help = "really: all events are gone forever"},
    {.name = "force", .kind = STELE_OPTION_FLAG, .help = "although a worker reads them"},
    {0}};

static const stele_option snapshots_delete_options[] = {
    {.name = "yes", .kind = STELE_OPTION_FLAG, .help = "really: states are made by replays again"},
    {0}};

static const stele_option drop_options[] = {
    {.name = "yes", .kind = STELE_OPTION_FLAG, .help = "really: all that it has made is gone"},
    {0}};

static const stele_option publish_options[] = {
    {.name = "schema",
     .kind = STELE_OPTION_TEXT,
     .value = "FILE",
     .required = true,
     .help = "the event's Avro schema"},
    {.name = "key",
     .kind = STELE_OPTION_TEXT,
     .value = "FIELD",
     .required = true,
     .help = "the field that holds the aggregate's id; it stays in the event"},
    {.name = "format",
     .kind = STELE_OPTION_TEXT,
     .value = "FORMAT",
     .choices = formats,
     .help = "csv with a header line, or json, one object per line (default: by the file's name; "
             "standard input: json)"},
    {.name = "headers",
     .kind = STELE_OPTION_TEXT,
     .value = "STYLE",
     .choices = header_styles,
     .help = "minimal or cloudevents (default: as configured for the aggregate, else minimal)"},
    {.name = "strict",
     .kind = STELE_OPTION_FLAG,
     .help = "publish nothing after the first bad line"},
    {.name = "skip",
     .kind = STELE_OPTION_INT,
     .value = "N",
     .min = 0,
     .max = INT64_MAX,
     .help = "pass over the first N records: where an interruption said to continue"},
    WITH,
    {0}};

static const stele_option tail_options[] = {
    {.name = "follow", .letter = 'f', .kind = STELE_OPTION_FLAG, .help = "go on with what comes"},
    {.name = "from",
     .kind = STELE_OPTION_TEXT,
     .value = "PLACE",
     .help = "beginning, an offset, or a time like 2026-01-31T12:00:00Z"},
    {.name = "lines",
     .letter = 'n',
     .kind = STELE_OPTION_INT,
     .value = "N",
     .min = 1,
     .max = 100000,
     .help = "how many of the last ones, without --from (default: 10)"},
    {0}};

static const stele_option execute_options[] = {
    {.name = "expect",
     .kind = STELE_OPTION_TEXT,
     .value = "VERSION",
     .help = "the aggregate must have so many events; new or 0: none (default: any)"},
    {.name = "command-id",
     .kind = STELE_OPTION_TEXT,
     .value = "ID",
     .help =
         "a repeat with the same id gets the first result, and adds nothing (default: a new id)"},
    {.name = "queue",
     .kind = STELE_OPTION_FLAG,
     .help = "put it into the topic AGGREGATE.commands, and do not wait for what comes of it"},
    {0}};

static const stele_option dlq_list_options[] = {
    {.name = "code",
     .kind = STELE_OPTION_TEXT,
     .value = "CODE",
     .help = "only those with this code, such as insufficient_funds, conflict or undecodable; of a "
             "projection refused, behind or discarded (without it all but those)"},
    {0}};

static const stele_option dlq_discard_options[] = {
    {.name = "key",
     .kind = STELE_OPTION_TEXT,
     .value = "ID",
     .help = "all that are set aside of this aggregate"},
    {.name = "reason", .kind = STELE_OPTION_TEXT, .value = "TEXT", .help = "why; it is kept"},
    {0}};

static const stele_option dlq_park_options[] = {
    {.name = "reason", .kind = STELE_OPTION_TEXT, .value = "TEXT", .help = "why; it is kept"}, {0}};

static const stele_option dlq_redrive_options[] = {
    {.name = "all", .kind = STELE_OPTION_FLAG, .help = "all dead letters that are there now"},
    {.name = "code",
     .kind = STELE_OPTION_TEXT,
     .value = "CODE",
     .help = "only those with this code"},
    {.name = "any-version",
     .kind = STELE_OPTION_FLAG,
     .help = "without the version that they expected"},
    {.name = "key",
     .kind = STELE_OPTION_TEXT,
     .value = "ID",
     .help = "of a projection: those of this aggregate"},
    {0}};

static const stele_option pause_options[] = {{.name = "reason",
                                              .kind = STELE_OPTION_TEXT,
                                              .value = "TEXT",
                                              .help = "why; `status` shows it"},
                                             {0}};

static const stele_option reset_options[] = {
    {.name = "to",
     .kind = STELE_OPTION_TEXT,
     .value = "beginning|OFFSET|TIME",
     .required = true,
     .help = "where it begins again; a time like 2026-01-31T12:00:00Z"},
    {.name = "yes", .kind = STELE_OPTION_FLAG, .help = "really"},
    {0}};

static const stele_option rebuild_options[] = {
    {.name = "version",
     .kind = STELE_OPTION_INT,
     .value = "N",
     .min = 1,
     .max = INT32_MAX,
     .help = "which one (default: the newest that a worker runs)"},
    {0}};

static const stele_option switch_options[] = {
    {.name = "with-parked",
     .kind = STELE_OPTION_FLAG,
     .help = "also if it has set aside events that the version of before has not"},
    {0}};

static const stele_option history_options[] = {
    {.name = "one-partition",
     .kind = STELE_OPTION_FLAG,
     .help = "read only the partition that the id belongs to"},
    {0}};

#ifdef STELE_ZSTD
static const char *const codecs[] = {"deflate", "zstandard", "null", NULL};
#else
static const char *const codecs[] = {"deflate", "null", NULL};
#endif

static const stele_option export_options[] = {
    {.name = "to",
     .kind = STELE_OPTION_TEXT,
     .value = "FILE",
     .required = true,
     .help = "the file, which must not be there yet"},
    {.name = "from",
     .kind = STELE_OPTION_LIST,
     .value = "POSITION|TIME",
     .help = "begin at a position, in its partition, or at a time in all; again and again"},
    {.name = "until",
     .kind = STELE_OPTION_LIST,
     .value = "POSITION|TIME",
     .help = "end before it; again and again"},
    {.name = "after",
     .kind = STELE_OPTION_TEXT,
     .value = "FILE",
     .help = "only what has come since that file was exported: the next part of a backup"},
    {.name = "key",
     .kind = STELE_OPTION_TEXT,
     .value = "ID",
     .help = "only the events of this aggregate"},
    {.name = "codec",
     .kind = STELE_OPTION_TEXT,
     .value = "NAME",
     .choices = codecs,
     .help = "deflate (the default), zstandard, or null: not compressed"},
    {0}};

static const stele_option import_options[] = {{.name = "to",
                                               .kind = STELE_OPTION_TEXT,
                                               .value = "AGGREGATE|TOPIC",
                                               .required = true,
                                               .help = "the topic, which has to be there"},
                                              {0}};

static const stele_option audit_options[] = {
    {.name = "partition",
     .kind = STELE_OPTION_INT,
     .value = "N",
     .min = 0,
     .max = INT32_MAX,
     .help = "only this one"},
    {.name = "limit",
     .kind = STELE_OPTION_INT,
     .value = "N",
     .min = 0,
     .max = INT64_MAX,
     .help = "print so many findings and count the rest (default: 1000; 0: print all)"},
    {.name = "skip-ids",
     .kind = STELE_OPTION_FLAG,
     .help = "do not look for ids that are there twice: saves 9 to 14 bytes of memory an event"},
    {.name = "settle",
     .kind = STELE_OPTION_INT,
     .value = "SECONDS",
     .min = 1,
     .max = 3600,
     .help = "an open transaction hangs if it stands still for so long (default: 20)"},
    {0}};

static const stele_option state_options[] = {
    {.name = "all", .kind = STELE_OPTION_FLAG, .help = "every aggregate, in no order"},
    {.name = "sort", .kind = STELE_OPTION_FLAG, .help = "in the order of the ids"},
    {.name = "at",
     .kind = STELE_OPTION_TEXT,
     .value = "VERSION|TIME",
     .help = "as it was after so many events, or at a time like 2026-01-31T12:00:00Z"},
    {.name = "diff",
     .kind = STELE_OPTION_FLAG,
     .help = "what changed between two moments, A and B behind the ID, each as for --at"},
    {0}};

static const stele_option snapshots_list_options[] = {
    {.name = "records",
     .kind = STELE_OPTION_FLAG,
     .help = "print each record as it is, as JSON, values in hex"},
    {0}};

static const stele_option snapshots_verify_options[] = {
    {.name = "sample",
     .kind = STELE_OPTION_INT,
     .value = "N",
     .min = 1,
     .max = 1000000000,
     .help = "compare one aggregate in N, others in each run"},
    {0}};

static const stele_option status_options[] = {
    {.name = "check",
     .kind = STELE_OPTION_FLAG,
     .help = "exit with 3 if a partition is stalled, stopped or unknown: no one runs it"},
    {.name = "instance",
     .kind = STELE_OPTION_TEXT,
     .value = "NAME",
     .help =
         "only the partitions of one worker: NAME, or NAME-PID as workers are called by default"},
    {0}};

static const stele_option schema_register_options[] = {
    {.name = "subject", .kind = STELE_OPTION_TEXT, .value = "NAME", .help = "under this subject"},
    {.name = "aggregate",
     .kind = STELE_OPTION_TEXT,
     .value = "AGGREGATE",
     .help = "under the subject of this aggregate's events: AGGREGATE.events-RECORD"},
    WITH,
    {0}};

static const stele_option schema_level_options[] = {
    {.name = "default",
     .kind = STELE_OPTION_FLAG,
     .help = "of all subjects that have no level of their own"},
    {0}};

static const stele_option registry_serve_options[] = {
    {.name = "listen",
     .kind = STELE_OPTION_TEXT,
     .value = "HOST:PORT",
     .help = "where (default: 127.0.0.1:8081); port 0 takes one that is free"},
    {0}};

static const stele_option registry_create_options[] = {
    {.name = "despite-events",
     .kind = STELE_OPTION_FLAG,
     .help = "also where schema ids of another registry are, which no one can read any more then"},
    {0}};

const stele_cli_command stele_commands[] = {
    {.name = "run",
     .operands = "",
     .operand_min = 0,
     .operand_max = 0,
     .summary = "run the application's projections and aggregates",
     .details = "A worker for each projection, and a writer for each aggregate that decides: with "
                "http.listen\n"
                "it serves them. Ends on SIGTERM or SIGINT, after a last snapshot; a second signal "
                "ends it at once.\n"
                "Exits with 1 if all that it owns is stopped. While a broker, a registry or a "
                "topic is away it\n"
                "waits.",
     .example = "shop run -c worker.ini -o worker.threads=4",
     .configuration = true,
     .drains = true,
     .run = stele_cmd_run},
    {.name = "topics create",
     .operands = "AGGREGATE",
     .operand_min = 1,
     .operand_max = 1,
     .summary = "create the events topic of an aggregate",
     .details =
         "The topic AGGREGATE.events is kept forever: neither time nor size removes an event.",
     .example = "stele topics create customer --partitions 12",
     .options = topics_create_options,
     .run = stele_cmd_topics_create},
    {.name = "topics describe",
     .operands = "[AGGREGATE]",
     .operand_min = 0,
     .operand_max = 1,
     .summary = "show events topics, and where their settings would lose events",
     .details = "Exits with 3 if a setting differs from what an event store needs.",
     .example = "stele topics describe customer",
     .run = stele_cmd_topics_describe},
    {.name = "topics copy",
     .operands = "FROM TO",
     .operand_min = 2,
     .operand_max = 2,
     .summary = "copy events into a topic with another number of partitions",
     .details = "FROM and TO are aggregates or topics; TO has to be there. The events of each key "
                "stay in order, and\n"
                "have their ids, versions, times and headers. As with import the same command goes "
                "on after an\n"
                "interruption, and adds what has come since. Exits with 3 if FROM has gone on "
                "meanwhile.",
     .example = "stele topics create account2 --partitions 48\n"
                "  stele topics copy account account2",
     .run = stele_cmd_topics_copy},
    {.name = "topics delete",
     .operands = "AGGREGATE",
     .operand_min = 1,
     .operand_max = 1,
     .summary = "delete an events topic and what the application's projections made of it",
     .details = "For what was tried out: events cannot be brought back. The groups' offsets and "
                "the rows in\n"
                "status go with them. Refused while a worker reads the topic.",
     .example = "shop topics delete customer --yes",
     .options = topics_delete_options,
     .run = stele_cmd_topics_delete},
    {.name = "publish",
     .operands = "AGGREGATE [FILE]",
     .operand_min = 1,
     .operand_max = 2,
     .summary = "validate records and publish them as events",
     .details =
         "Reads standard input without FILE. A bad line is reported with its number, column and\n"
         "reason, the rest goes on, and the exit code is 1. CSV cells are read by the field's "
         "type:\n"
         "a date takes 1997-01-18, a timestamp ISO 8601, an empty cell or NA is null where null "
         "is\n"
         "allowed, and text in quotes: \"NA\". Ctrl-C flushes and says where to continue.",
     .example = "stele publish customer --schema purchase.avsc --key customer_id purchases.csv",
     .options = publish_options,
     .run = stele_cmd_publish},
    {.name = "execute",
     .operands = "AGGREGATE ID COMMAND [JSON]",
     .operand_min = 3,
     .operand_max = 4,
     .summary = "send a command to an aggregate, and print what came of it",
     .details = "It goes to the instance that owns the aggregate, over HTTP, and the answer comes "
                "when its events are stored.\n"
                "JSON is the command in the plain form, - is standard input; without it a command "
                "of defaults.\n"
                "Exit 1 with the reason if it is rejected, or if the version is another one.",
     .example = "stele execute account ada DepositMoney '{\"amount_cents\": 500}' --expect 1",
     .options = execute_options,
     .run = stele_cmd_execute},
    {.name = "pause",
     .operands = "PROJECTION",
     .operand_min = 1,
     .operand_max = 1,
     .summary = "let a projection's workers apply no events for now",
     .details = "The order is kept: whoever runs follows it, and whoever starts or takes a "
                "partition over. Queries are\n"
                "answered with the states as they are. Waits until all workers that run say so; "
                "PROJECTION is\n"
                "NAME.vN where two versions run.",
     .example = "shop pause customers --reason \"the address service is being moved\"",
     .options = pause_options,
     .run = stele_cmd_pause},
    {.name = "resume",
     .operands = "PROJECTION",
     .operand_min = 1,
     .operand_max = 1,
     .summary = "let a paused projection go on",
     .example = "shop resume customers",
     .run = stele_cmd_resume},
    {.name = "reset",
     .operands = "PROJECTION",
     .operand_min = 1,
     .operand_max = 1,
     .summary = "let a projection begin again, with nothing counted twice",
     .details = "To the beginning: its states or tables are dropped, and made again from the first "
                "event. To an offset or\n"
                "a time: rows of a SQL projection stay, whose file says `-- repeatable: yes`. Its "
                "workers may run: they let\n"
                "go and begin again; it waits until all of them have.",
     .example = "shop reset customers --to beginning --yes",
     .options = reset_options,
     .run = stele_cmd_reset},
    {.name = "rebuild",
     .operands = "PROJECTION",
     .operand_min = 1,
     .operand_max = 1,
     .summary = "watch a new version of a projection until it has all events",
     .details = "Its workers make it, beside the version that runs; this shows how far they are, "
                "how fast, and what is\n"
                "left, and ends when each partition is where the log ended when it was called. If "
                "it is interrupted they go\n"
                "on; `pause NAME.vN` holds them. Exits with 1 and says why if one is stopped or "
                "paused, or comes no further\n"
                "for --timeout.",
     .example = "shop rebuild customers --version 2",
     .options = rebuild_options,
     .run = stele_cmd_rebuild},
    {.name = "switch",
     .operands = "PROJECTION VERSION",
     .operand_min = 2,
     .operand_max = 2,
     .summary = "let readers of a projection have another version of it",
     .details =
         "Waits until that version has all events that there are, --timeout at most, and ends "
         "when all instances\n"
         "answer from it. Both versions go on, so `switch` with the other one goes back. "
         "Exits with 1, and has\n"
         "switched nothing, if it is stopped, paused, or not there in time, if it cannot be "
         "asked over HTTP and\n"
         "the other one can, or if it has set aside events that the other one has not.",
     .example = "shop switch customers 2",
     .options = switch_options,
     .run = stele_cmd_switch},
    {.name = "drop",
     .operands = "PROJECTION",
     .operand_min = 1,
     .operand_max = 1,
     .summary = "remove one version of a projection, whole",
     .details = "PROJECTION is a name with its version: customers.v1. Removes what it made in a "
                "database, if the\n"
                "configuration names that and the program or the file is of that version; its "
                "topics, its group and\n"
                "its rows in the status; with the last version also which one readers have. "
                "Refused while a worker\n"
                "reports on it, or readers have it and there is another one. It can be given again "
                "after a failure.",
     .example = "shop drop customers.v1 --yes",
     .options = drop_options,
     .run = stele_cmd_drop},
    {.name = "dlq list",
     .operands = "PROJECTION|AGGREGATE",
     .operand_min = 1,
     .operand_max = 1,
     .summary = "print the events that were set aside, or commands not carried out, and why",
     .details = "Of a projection: the events that could not be applied, and those behind them, as "
                "JSON.\n"
                "Of an aggregate: commands that came by way of the topic AGGREGATE.commands. They "
                "stay there\n"
                "for as long as the retention of AGGREGATE.commands.dead says.",
     .example = "stele dlq list account --code insufficient_funds",
     .options = dlq_list_options,
     .run = stele_cmd_dlq_list},
    {.name = "dlq show",
     .operands = "PROJECTION POSITION",
     .operand_min = 2,
     .operand_max = 2,
     .summary = "print an event that was set aside, with its headers and bytes",
     .example = "stele dlq show balances account.events/0/12",
     .run = stele_cmd_dlq_show},
    {.name = "dlq discard",
     .operands = "PROJECTION [POSITION]",
     .operand_min = 1,
     .operand_max = 2,
     .summary = "decide that an event that was set aside is not applied",
     .details = "It counts as an event of its aggregate, and changes nothing; those behind it are "
                "applied. The\n"
                "order is carried out by the worker that has the partition, or by the next one.",
     .example = "stele dlq discard balances account.events/0/12 --reason 'sent twice'",
     .options = dlq_discard_options,
     .run = stele_cmd_dlq_discard},
    {.name = "dlq park",
     .operands = "PROJECTION POSITION",
     .operand_min = 2,
     .operand_max = 2,
     .summary = "set one event aside on purpose, and all later ones of its aggregate",
     .details = "The way out where an event stops its partition: then start the worker again. "
                "POSITION is\n"
                "that of the message, or PARTITION:OFFSET. The reason is kept.",
     .example = "stele dlq park balances 0:12 --reason 'amount without a currency, ticket 4711'",
     .options = dlq_park_options,
     .run = stele_cmd_dlq_park},
    {.name = "dlq redrive",
     .operands = "PROJECTION|AGGREGATE [POSITION]",
     .operand_min = 1,
     .operand_max = 2,
     .summary = "apply events that were set aside, or send a command again",
     .details =
         "Of a projection: by the worker that has the partition, or by the next one; those of "
         "an aggregate\n"
         "in order, up to the first that is refused again, which is exit code 3.\n"
         "Of an aggregate: put a dead letter into the commands topic again. With its id, so that "
         "it has one effect however often it is sent. It is decided on "
         "as the aggregate\n"
         "is then. The dead letter stays where it is.",
     .example = "stele dlq redrive account account.commands.dead/0/12",
     .options = dlq_redrive_options,
     .run = stele_cmd_dlq_redrive},
    {.name = "history",
     .operands = "AGGREGATE ID",
     .operand_min = 2,
     .operand_max = 2,
     .summary = "print the events of one aggregate as JSON",
     .details = "Versions are counted from the first event, or, where retention has deleted that, "
                "from a snapshot.\n"
                "All partitions are looked through: an event of it that another partitioner put "
                "elsewhere is named,\n"
                "and the exit code is 3.",
     .example = "stele history customer 00004",
     .options = history_options,
     .run = stele_cmd_history},
    {.name = "tail",
     .operands = "AGGREGATE",
     .operand_min = 1,
     .operand_max = 1,
     .summary = "print the last events of an aggregate's topic as JSON",
     .details = "Events of one partition come in order. The version is printed where a writer put "
                "it into\n"
                "the record; `history` counts it.",
     .example = "stele tail customer --from 2026-01-31T12:00:00Z --follow",
     .options = tail_options,
     .run = stele_cmd_tail},
    {.name = "export",
     .operands = "AGGREGATE|TOPIC",
     .operand_min = 1,
     .operand_max = 1,
     .summary = "write events, with their schemas and headers, into an Avro file",
     .details = "An object container file that any tool for Avro reads, and import brings back. "
                "It ends where\n"
                "the topic ends when the command begins, and has its name once all of it is on the "
                "disk: a\n"
                "FILE.part is what is left of an export that was killed. Exits with 3 if there "
                "are values that\n"
                "are not what their schema says: they are in the file as bytes.",
     .example = "stele export account --to account.avro\n"
                "  stele export account --to january.avro --from 2026-01-01T00:00:00Z --until "
                "2026-02-01T00:00:00Z",
     .options = export_options,
     .run = stele_cmd_export},
    {.name = "import",
     .operands = "FILE",
     .operand_min = 1,
     .operand_max = 1,
     .summary = "bring the events of an exported file into a topic",
     .details = "Schemas are registered first, and the events get the ids that they have in this "
                "registry. Each goes\n"
                "to the partition of its key, with its headers and its time. What is there already "
                "is passed over, so\n"
                "that the same command goes on after an interruption. Refused where another event "
                "is in the place\n"
                "of one, where a version is missing, and where someone else writes to the topic.",
     .example = "stele topics create account --partitions 12\n"
                "  stele import account.avro --to account",
     .options = import_options,
     .run = stele_cmd_import},
    {.name = "audit",
     .operands = "AGGREGATE",
     .operand_min = 1,
     .operand_max = 1,
     .summary = "look for what should not be in an aggregate's topic: holes, forks, doubles",
     .details = "Reads every event to the end that the topic has now, and prints a line for each "
                "finding: POSITION,\n"
                "kind, id, what it means. Workers and writers may go on meanwhile. Exits with 3 if "
                "there is one.",
     .example = "stele audit account",
     .options = audit_options,
     .run = stele_cmd_audit},
    {.name = "state",
     .operands = "PROJECTION [ID [A B]]",
     .operand_min = 1,
     .operand_max = 4,
     .summary = "print the state of one aggregate, or of all, as JSON",
     .details = "Read from the snapshots and the rest of the log; no worker has to run. A program "
                "without the\n"
                "projection's fold prints the last snapshot, and how many events it is behind. The "
                "name of an\n"
                "aggregate that decides stands for the states that its writer keeps.\n"
                "With --at it is replayed from the nearest snapshot before that moment. At a time "
                "it is what the\n"
                "aggregate's events made of it before the first of them that is later.\n"
                "What --diff finds is a line for each field that differs, or JSON with --json.\n"
                "What a worker would stop at is refused; with --all the other partitions are "
                "printed, what was left\n"
                "out is named, and the exit code is 3.",
     .example = "shop state customers 00004\n"
                "  shop state customers 00004 --diff 1 2026-01-31T12:00:00Z",
     .options = state_options,
     .run = stele_cmd_state},
    {.name = "status",
     .operands = "[PROJECTION]",
     .operand_min = 0,
     .operand_max = 1,
     .summary = "show what each partition of a projection is doing",
     .details = "Reads Kafka alone: what workers last reported in _stele.status, and where the log "
                "ends. What is\n"
                "older than 15 s reads as unknown. A container's health check asks for its own "
                "worker:\n"
                "stele status --check --instance \"$HOSTNAME\".",
     .example = "stele status customers --check",
     .options = status_options,
     .run = stele_cmd_status},
    {.name = "status forget",
     .operands = "PROJECTION",
     .operand_min = 1,
     .operand_max = 1,
     .summary = "drop the rows of what is over",
     .details = "Rows of workers that ended, or have not reported for 15 s: of a version that is "
                "retired, of\n"
                "partitions that are no more. PROJECTION is a name, or a name with a version: "
                "customers.v1.",
     .example = "stele status forget customers.v1",
     .run = stele_cmd_status_forget},
    {.name = "wait",
     .operands = "PROJECTION POSITION",
     .operand_min = 2,
     .operand_max = 2,
     .summary = "wait until a projection has applied an event",
     .details = "So that what was just written can be read: POSITION is what the answer to a "
                "command has. An\n"
                "event that is in tables can be read by SQL then. Of several versions of the "
                "projection the\n"
                "one that readers have counts (`switch`), or the one that is named: customers.v2. "
                "Exits with 1 and\n"
                "says why if it is stopped, or not there within --timeout.",
     .example = "stele wait carriers account.events/3/120 --timeout 5",
     .run = stele_cmd_wait},
    {.name = "snapshots list",
     .operands = "PROJECTION",
     .operand_min = 1,
     .operand_max = 1,
     .summary = "show what is in a projection's snapshots topic",
     .details = "Per partition: aggregates, finished ones, the checkpoint, the group's offset, the "
                "log's end.",
     .example = "stele snapshots list customers",
     .options = snapshots_list_options,
     .run = stele_cmd_snapshots_list},
    {.name = "snapshots delete",
     .operands = "PROJECTION",
     .operand_min = 1,
     .operand_max = 1,
     .summary = "delete a projection's snapshots topic and its rows in status",
     .details = "PROJECTION is a name with its version: customers.v1. For a version that is over, "
                "or so that a\n"
                "worker replays the log. Refused while a worker reports on it.",
     .example = "stele snapshots delete customers.v1 --yes",
     .options = snapshots_delete_options,
     .run = stele_cmd_snapshots_delete},
    {.name = "snapshots verify",
     .operands = "PROJECTION",
     .operand_min = 1,
     .operand_max = 1,
     .summary = "replay the log and compare every snapshot byte by byte",
     .details =
         "Prints a line per difference, and the first field that differs; all of them with "
         "--json. Exits with 3\n"
         "if there are any. Workers may run meanwhile. A sample reads the whole log, too, and "
         "replays less of it.",
     .example = "shop snapshots verify customers --sample 100",
     .options = snapshots_verify_options,
     .run = stele_cmd_snapshots_verify},
    {.name = "schema check",
     .operands = "OLD NEW",
     .operand_min = 2,
     .operand_max = 2,
     .summary = "is a new schema compatible with an old one?",
     .details = "Prints a line per finding and exits with 3; with 0 if there is none.",
     .example = "stele schema check order-v1.avsc order-v2.avsc --mode full",
     .options = schema_check_options,
     .run = stele_cmd_schema_check},
    {.name = "schema canonical",
     .operands = "FILE",
     .operand_min = 1,
     .operand_max = 1,
     .summary = "print the Parsing Canonical Form",
     .example = "stele schema canonical order.avsc",
     .options = schema_options,
     .run = stele_cmd_schema_canonical},
    {.name = "schema fingerprint",
     .operands = "FILE",
     .operand_min = 1,
     .operand_max = 1,
     .summary = "print the fingerprint of the canonical form",
     .example = "stele schema fingerprint order.avsc --algorithm sha256",
     .options = fingerprint_options,
     .run = stele_cmd_schema_fingerprint},
    {.name = "schema generate",
     .operands = "FILE",
     .operand_min = 1,
     .operand_max = 1,
     .summary = "write the C structs, the type and its encoder and decoder",
     .example = "stele schema generate order.avsc -o gen",
     .options = generate_options,
     .run = stele_cmd_schema_generate},
    {.name = "schema convert",
     .operands = "",
     .operand_min = 0,
     .operand_max = 0,
     .summary = "read data of one schema as another",
     .details =
         "One datum per line on standard input, one per line on standard output. A datum that\n"
         "cannot be read prints \"error: …\" on its line, and the exit code is 1.",
     .example = "echo 0a | stele schema convert --writer int.avsc --reader long.avsc",
     .options = convert_options,
     .run = stele_cmd_schema_convert},
    {.name = "schema register",
     .operands = "FILE",
     .operand_min = 1,
     .operand_max = 1,
     .summary = "register a schema, or find it registered; prints its id",
     .details = "A file of --with is registered first, under the full name of its type, and is "
                "referred to\n"
                "where FILE uses it.",
     .example = "stele schema register order.avsc --aggregate order --with customer.avsc",
     .options = schema_register_options,
     .run = stele_cmd_schema_register},
    {.name = "schema list",
     .operands = "[SUBJECT]",
     .operand_min = 0,
     .operand_max = 1,
     .summary = "list subjects with their versions, or versions with their ids",
     .example = "stele schema list customer.events-shop.Purchase",
     .run = stele_cmd_schema_list},
    {.name = "schema get",
     .operands = "ID | SUBJECT [VERSION]",
     .operand_min = 1,
     .operand_max = 2,
     .summary = "print a registered schema",
     .details = "Without VERSION the latest. A subject that is a number needs one: latest.",
     .example = "stele schema get customer.events-shop.Purchase 2",
     .run = stele_cmd_schema_get},
    {.name = "schema level",
     .operands = "SUBJECT|--default [LEVEL]",
     .operand_min = 0,
     .operand_max = 2,
     .summary = "show or set what new versions of a subject are checked for",
     .details =
         "LEVEL is NONE, BACKWARD, FORWARD, FULL, or one of the last three with _TRANSITIVE; or\n"
         "\"default\", which takes a level back. A registry begins with BACKWARD: the new version "
         "reads\n"
         "what the last one wrote. docs/changing-an-event.md says when to choose which.",
     .example = "stele schema level account.events-bank.Deposited FULL",
     .options = schema_level_options,
     .run = stele_cmd_schema_level},
    {.name = "registry create",
     .operands = "",
     .summary = "begin a schema registry in Kafka (topic _stele.schemas)",
     .details =
         "The first publish begins one by itself. It does not where events or snapshots hold "
         "schema ids\n"
         "of another registry, one that was lost, say: bring that one back from a backup. Only "
         "where\n"
         "those events are given up, --despite-events begins another registry beside them.",
     .example = "stele registry create -o registry.replication=3",
     .options = registry_create_options,
     .run = stele_cmd_registry_create},
    {.name = "registry serve",
     .operands = "",
     .operand_min = 0,
     .operand_max = 0,
     .summary = "serve the kafka: registry to other languages, with Confluent's REST API",
     .details = "Prints its URL and serves until SIGTERM or SIGINT. There is no authentication: by "
                "default\n"
                "only programs of this machine reach it, and requests of web pages are refused.",
     .example = "stele registry serve --listen 127.0.0.1:8081",
     .options = registry_serve_options,
     .run = stele_cmd_registry_serve},
    {0}};
