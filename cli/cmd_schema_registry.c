/* SPDX-License-Identifier: MIT
 * `schema register`, `list` and `get`: what is in a registry, of whatever kind. */
#include "cli/cmd.h"

#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"
#include "core/names.h"
#include "core/text.h"
#include "registry/client.h"
#include "registry/entry.h"

STELE_SCOPE(stele_schema, stele_schema_free);
STELE_SCOPE(int32_t, free);

/* ---- register ---- */

/* A schema on its way into the registry. Subjects and names are owned. */
typedef struct registration {
    stele_registry *registry;
    stele_cli *cli;
    const stele_schema_files *files;
    stele_registry_reference *with; /* one for each file of --with, registered before */
    size_t with_count;
} registration;

static void registration_clear(registration *r)
{
    for (size_t i = 0; i < r->with_count; i++)
        free((char *)r->with[i].subject);
    free(r->with);
}
STELE_VALUE_SCOPE(registration, registration_clear);

/* Can the text be parsed with these schemas, but without number `left_out`? */
static bool parses_without(const stele_schema *schema, stele_schema *const *with, size_t count,
                           size_t left_out)
{
    const stele_schema **rest = stele_alloc_array(count + 1, sizeof *rest);
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        if (i != left_out) rest[used++] = with[i];
    }
    STELE_AUTO(stele_schema) parsed = NULL;
    stele_schema_options options = {.with = rest};
    bool ok = stele_schema_parse(stele_schema_source(schema), &options, &parsed, NULL) == STELE_OK;
    free(rest);
    return ok;
}

/* Register a schema that may refer to the first `count` of --with. */
static stele_status register_one(registration *r, const char *subject, const stele_schema *schema,
                                 size_t count, int32_t *id, stele_error *err)
{
    stele_registry_reference *used = stele_alloc_array(count, sizeof *used);
    size_t used_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (!parses_without(schema, r->files->with, count, i)) used[used_count++] = r->with[i];
    }
    stele_status status = stele_registry_register(r->registry, subject, stele_schema_source(schema),
                                                  used, used_count, r->cli->timeout_ms, id, err);
    free(used);
    return status;
}

/* The version under which a subject has an id. */
static stele_status find_version(registration *r, const char *subject, int32_t id, int32_t *version,
                                 stele_error *err)
{
    STELE_AUTO(int32_t) versions = NULL;
    size_t count;
    stele_status status =
        stele_registry_versions(r->registry, subject, r->cli->timeout_ms, &versions, &count, err);
    for (size_t i = count; status == STELE_OK && i-- > 0;) {
        STELE_AUTO_VALUE(stele_registry_entry) entry = {0};
        status = stele_registry_version(r->registry, subject, versions[i], r->cli->timeout_ms,
                                        &entry, err);
        if (status == STELE_OK && entry.id == id) {
            *version = versions[i];
            return STELE_OK;
        }
    }
    if (status < 0) return status;
    return stele_fail(err, STELE_E_NOT_FOUND, STELE_NEXT_STOP,
                      "subject %s has no version with id %d", subject, (int)id);
}

/* What --with names goes under its full name, as the other languages' tools have it. */
static stele_status register_with(registration *r, stele_error *err)
{
    size_t count = 0;
    while (r->files->with[count] != NULL)
        count++;
    r->with = stele_alloc_array(count, sizeof *r->with);
    for (size_t i = 0; i < count; i++) {
        int32_t id;
        const stele_schema *schema = r->files->with[i];
        stele_registry_reference *reference = &r->with[r->with_count++];
        reference->name = stele_schema_name(schema);
        reference->subject = stele_strdup(reference->name);
        stele_status status = register_one(r, reference->subject, schema, i, &id, err);
        if (status == STELE_OK)
            status = find_version(r, reference->subject, id, &reference->version, err);
        if (status < 0) return status;
    }
    return STELE_OK;
}

/* Of --subject, or of --aggregate and the record's name. Caller owns; NULL: neither or both. */
static char *subject_of(const stele_arguments *arguments, const stele_schema *schema)
{
    const char *subject = stele_arguments_text(arguments, "subject", NULL);
    const char *aggregate = stele_arguments_text(arguments, "aggregate", NULL);
    if ((subject == NULL) == (aggregate == NULL)) return NULL;
    if (subject != NULL) return stele_strdup(subject);
    STELE_AUTO(char) topic = stele_events_topic(aggregate);
    return stele_registry_subject(topic, stele_schema_name(schema));
}

static void print_registered(stele_cli *cli, const char *subject, int32_t id)
{
    if (!cli->json) {
        fprintf(cli->out, "%d\n", (int)id);
        return;
    }
    STELE_AUTO_VALUE(stele_buffer) line = {0};
    stele_buffer_format(&line, "{\"subject\":");
    stele_show_json(&line, stele_text(subject));
    fprintf(cli->out, "%s,\"id\":%d}\n", stele_buffer_text(&line), (int)id);
}

stele_exit stele_cmd_schema_register(stele_cli *cli, const stele_arguments *arguments)
{
    STELE_AUTO_VALUE(stele_schema_files) files = {0};
    stele_error err = {0};
    int32_t id;
    if (stele_cli_schema(cli, arguments, stele_arguments_operand(arguments, 0), &files, &err) < 0)
        return stele_cli_fail_error(cli, &err);
    STELE_AUTO(char) subject = subject_of(arguments, files.schema);
    if (subject == NULL)
        return stele_cli_fail(cli, STELE_EXIT_USAGE,
                              "schema register: expected either --subject or --aggregate");
    stele_client *client = stele_cli_client(cli);
    if (client == NULL) return STELE_EXIT_FAILED;
    STELE_AUTO_VALUE(registration)
    r = {.registry = stele_client_registry(client), .cli = cli, .files = &files};
    if (register_with(&r, &err) < 0 ||
        register_one(&r, subject, files.schema, r.with_count, &id, &err) < 0)
        return stele_cli_fail_error(cli, &err);
    print_registered(cli, subject, id);
    return STELE_EXIT_DONE;
}

/* ---- list ---- */

static stele_status print_subject(stele_cli *cli, stele_registry *registry, const char *subject,
                                  stele_error *err)
{
    STELE_AUTO(int32_t) versions = NULL;
    STELE_AUTO_VALUE(stele_buffer) line = {0};
    size_t count;
    stele_status status =
        stele_registry_versions(registry, subject, cli->timeout_ms, &versions, &count, err);
    if (status < 0) return status;
    if (cli->json) {
        stele_buffer_format(&line, "{\"subject\":");
        stele_show_json(&line, stele_text(subject));
        stele_buffer_format(&line, ",\"versions\":[");
    } else {
        stele_buffer_format(&line, "%s ", subject);
    }
    for (size_t i = 0; i < count; i++)
        stele_buffer_format(&line, "%s%d", i == 0 ? "" : ",", (int)versions[i]);
    stele_cli_print(cli->out, "%s%s", stele_buffer_text(&line), cli->json ? "]}" : "");
    return STELE_OK;
}

static stele_status print_version(stele_cli *cli, stele_registry *registry, const char *subject,
                                  int32_t version, stele_error *err)
{
    STELE_AUTO_VALUE(stele_registry_entry) entry = {0};
    stele_status status =
        stele_registry_version(registry, subject, version, cli->timeout_ms, &entry, err);
    if (status < 0) return status;
    fprintf(cli->out, cli->json ? "{\"version\":%d,\"id\":%d}\n" : "version %d id %d\n",
            (int)entry.version, (int)entry.id);
    return STELE_OK;
}

static stele_status list_versions(stele_cli *cli, stele_registry *registry, const char *subject,
                                  stele_error *err)
{
    STELE_AUTO(int32_t) versions = NULL;
    size_t count;
    stele_status status =
        stele_registry_versions(registry, subject, cli->timeout_ms, &versions, &count, err);
    for (size_t i = 0; status == STELE_OK && i < count; i++)
        status = print_version(cli, registry, subject, versions[i], err);
    return status;
}

static stele_status list_subjects(stele_cli *cli, stele_registry *registry, stele_error *err)
{
    char **subjects = NULL;
    stele_status status = stele_registry_subjects(registry, cli->timeout_ms, &subjects, err);
    for (size_t i = 0; status == STELE_OK && subjects[i] != NULL; i++) {
        status = print_subject(cli, registry, subjects[i], err);
        if (status == STELE_E_NOT_FOUND) status = STELE_OK; /* deleted meanwhile */
    }
    if (status == STELE_OK && subjects[0] == NULL)
        fprintf(cli->err, "the registry has no subjects\n");
    free(subjects);
    return status;
}

stele_exit stele_cmd_schema_list(stele_cli *cli, const stele_arguments *arguments)
{
    stele_error err = {0};
    const char *subject = stele_arguments_operand(arguments, 0);
    stele_client *client = stele_cli_client(cli);
    if (client == NULL) return STELE_EXIT_FAILED;
    stele_registry *registry = stele_client_registry(client);
    stele_status status = subject == NULL ? list_subjects(cli, registry, &err)
                                          : list_versions(cli, registry, subject, &err);
    return status < 0 ? stele_cli_fail_error(cli, &err) : STELE_EXIT_DONE;
}

/* ---- get ---- */

static void print_schema(stele_cli *cli, int32_t id, stele_bytes text)
{
    bool ends_line = text.size > 0 && text.data[text.size - 1] == '\n';
    STELE_AUTO_VALUE(stele_buffer) line = {0};
    if (cli->json) {
        stele_buffer_format(&line, "{\"id\":%d,\"schema\":", (int)id);
        stele_show_json(&line, text);
        stele_buffer_push(&line, '}');
    } else {
        stele_buffer_append(&line, text);
    }
    fprintf(cli->out, "%s%s", stele_buffer_text(&line), ends_line && !cli->json ? "" : "\n");
}

static stele_status get_by_id(stele_cli *cli, stele_registry *registry, int32_t id,
                              stele_error *err)
{
    STELE_AUTO(stele_schema) schema = NULL;
    stele_status status = stele_registry_schema(registry, id, cli->timeout_ms, &schema, err);
    if (status == STELE_OK) print_schema(cli, id, stele_schema_source(schema));
    return status;
}

/* @param version  0: the latest */
static stele_status get_version(stele_cli *cli, stele_registry *registry, const char *subject,
                                int64_t version, stele_error *err)
{
    STELE_AUTO_VALUE(stele_registry_entry) entry = {0};
    stele_status status =
        stele_registry_version(registry, subject, (int32_t)version, cli->timeout_ms, &entry, err);
    if (status == STELE_OK) print_schema(cli, entry.id, stele_text(entry.text));
    return status;
}

stele_exit stele_cmd_schema_get(stele_cli *cli, const stele_arguments *arguments)
{
    stele_error err = {0};
    int64_t id, version = 0;
    const char *what = stele_arguments_operand(arguments, 0);
    const char *text = stele_arguments_operand(arguments, 1);
    bool is_id =
        text == NULL && stele_parse_int64(stele_text(what), 1, INT32_MAX, &id, NULL) == STELE_OK;
    if (text == NULL && !is_id && what[strspn(what, "0123456789")] == '\0')
        return stele_cli_fail(
            cli, STELE_EXIT_USAGE,
            "schema get: ID %s: expected a number from 1 to %d; a subject that is "
            "called so wants a VERSION",
            what, INT32_MAX);
    if (text != NULL && strcmp(text, "latest") != 0 &&
        stele_parse_int64(stele_text(text), 1, INT32_MAX, &version, NULL) < 0)
        return stele_cli_fail(cli, STELE_EXIT_USAGE,
                              "schema get: VERSION %s: expected a number from 1 on, or latest",
                              text);
    stele_client *client = stele_cli_client(cli);
    if (client == NULL) return STELE_EXIT_FAILED;
    stele_registry *registry = stele_client_registry(client);
    stele_status status = is_id ? get_by_id(cli, registry, (int32_t)id, &err)
                                : get_version(cli, registry, what, version, &err);
    return status < 0 ? stele_cli_fail_error(cli, &err) : STELE_EXIT_DONE;
}
