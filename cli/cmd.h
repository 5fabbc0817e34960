/* SPDX-License-Identifier: MIT
 * The commands, one cmd_*.c each; the table in commands.c says what each takes. */
#ifndef STELE_CLI_CMD_H
#define STELE_CLI_CMD_H

#include "cli/command.h"

typedef stele_exit stele_command_run(stele_cli *cli, const stele_arguments *arguments);

stele_command_run stele_cmd_audit;
stele_command_run stele_cmd_dlq_list;
stele_command_run stele_cmd_dlq_redrive;
stele_command_run stele_cmd_execute;
stele_command_run stele_cmd_export;
stele_command_run stele_cmd_history;
stele_command_run stele_cmd_import;
stele_command_run stele_cmd_publish;
stele_command_run stele_cmd_run;
stele_command_run stele_cmd_snapshots_delete;
stele_command_run stele_cmd_snapshots_list;
stele_command_run stele_cmd_snapshots_verify;
stele_command_run stele_cmd_state;
stele_command_run stele_cmd_status;
stele_command_run stele_cmd_status_forget;
stele_command_run stele_cmd_tail;
stele_command_run stele_cmd_wait;
stele_command_run stele_cmd_topics_copy;
stele_command_run stele_cmd_topics_create;
stele_command_run stele_cmd_topics_delete;
stele_command_run stele_cmd_topics_describe;
stele_command_run stele_cmd_schema_check;
stele_command_run stele_cmd_schema_canonical;
stele_command_run stele_cmd_schema_fingerprint;
stele_command_run stele_cmd_schema_generate;
stele_command_run stele_cmd_schema_convert;
stele_command_run stele_cmd_schema_register;
stele_command_run stele_cmd_schema_list;
stele_command_run stele_cmd_schema_get;
stele_command_run stele_cmd_schema_level;
stele_command_run stele_cmd_registry_create;
stele_command_run stele_cmd_registry_serve;

#endif
