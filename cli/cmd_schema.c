/* SPDX-License-Identifier: MIT
 * `schema check`, `canonical`, `fingerprint` and `generate`: commands on schema files alone. They
 * ask neither Kafka nor a registry. */
#include "cli/cmd.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/text.h"
#include "core/alloc.h"
#include "schemas/generate.h"

static void print_finding(void *context, const stele_finding *finding)
{
    stele_cli *cli = context;
    const char *path = finding->path[0] != '\0' ? finding->path : "/";
    if (!cli->json) {
        stele_cli_print(cli->out, "%s: %s: %s", path, finding->kind, finding->text);
        return;
    }
    STELE_AUTO_VALUE(stele_buffer) line = {0};
    stele_buffer_format(&line, "{\"kind\":\"%s\",\"direction\":\"%s\",\"path\":", finding->kind,
                        finding->forward ? "forward" : "backward");
    stele_show_json(&line, stele_text(finding->path));
    stele_buffer_format(&line, ",\"text\":");
    stele_show_json(&line, stele_text(finding->text));
    fprintf(cli->out, "%s}\n", stele_buffer_text(&line));
}

stele_exit stele_cmd_schema_check(stele_cli *cli, const stele_arguments *arguments)
{
    STELE_AUTO_VALUE(stele_schema_files) old = {0};
    STELE_AUTO_VALUE(stele_schema_files) next = {0};
    stele_error err = {0};
    stele_compatibility mode;
    const char *name = stele_arguments_text(arguments, "mode", "backward");
    if (stele_compatibility_parse(stele_text(name), &mode, &err) < 0 ||
        stele_cli_schema(cli, arguments, stele_arguments_operand(arguments, 0), &old, &err) < 0 ||
        stele_cli_schema(cli, arguments, stele_arguments_operand(arguments, 1), &next, &err) < 0)
        return stele_cli_fail_error(cli, &err);

    const stele_schema *versions[] = {old.schema};
    size_t findings = stele_schema_check(next.schema, versions, 1, mode, print_finding, cli);
    if (findings > 0) return STELE_EXIT_FOUND;
    if (!cli->json) fprintf(cli->err, "compatible (%s)\n", stele_compatibility_name(mode));
    return STELE_EXIT_DONE;
}

stele_exit stele_cmd_schema_canonical(stele_cli *cli, const stele_arguments *arguments)
{
    STELE_AUTO_VALUE(stele_schema_files) files = {0};
    STELE_AUTO_VALUE(stele_buffer) text = {0};
    stele_error err = {0};
    if (stele_cli_schema(cli, arguments, stele_arguments_operand(arguments, 0), &files, &err) < 0)
        return stele_cli_fail_error(cli, &err);
    stele_schema_canonical(files.schema, &text);
    fprintf(cli->out, "%s\n", stele_buffer_text(&text));
    return STELE_EXIT_DONE;
}

stele_exit stele_cmd_schema_fingerprint(stele_cli *cli, const stele_arguments *arguments)
{
    STELE_AUTO_VALUE(stele_schema_files) files = {0};
    stele_error err = {0};
    bool sha256 = strcmp(stele_arguments_text(arguments, "algorithm", "crc64"), "sha256") == 0;
    bool decimal = stele_arguments_flag(arguments, "decimal");
    if (sha256 && decimal)
        return stele_cli_fail(cli, STELE_EXIT_USAGE, "--decimal goes with --algorithm crc64 only");
    if (stele_cli_schema(cli, arguments, stele_arguments_operand(arguments, 0), &files, &err) < 0)
        return stele_cli_fail_error(cli, &err);
    uint64_t crc = stele_schema_crc64(files.schema);
    if (sha256) {
        uint8_t digest[32];
        stele_schema_sha256(files.schema, digest);
        for (size_t i = 0; i < sizeof digest; i++)
            fprintf(cli->out, "%02x", digest[i]);
        fputc('\n', cli->out);
    } else if (decimal) {
        fprintf(cli->out, "%" PRId64 "\n", (int64_t)crc);
    } else {
        fprintf(cli->out, "%016" PRIx64 "\n", crc);
    }
    return STELE_EXIT_DONE;
}

/* The folder, with those that it is in. @return whether it is there; else errno says why not */
static bool make_folder(const char *path)
{
    STELE_AUTO(char) part = stele_strdup(path);
    for (char *slash = strchr(part + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(part, 0777) != 0 && errno != EEXIST) return false;
        *slash = '/';
    }
    return mkdir(part, 0777) == 0 || errno == EEXIST;
}

stele_exit stele_cmd_schema_generate(stele_cli *cli, const stele_arguments *arguments)
{
    stele_error err = {0};
    const char *folder = stele_arguments_text(arguments, "output", ".");
    if (!make_folder(folder))
        return stele_cli_fail(cli, STELE_EXIT_FAILED, "--output %s: cannot be made: %s", folder,
                              strerror(errno));
    const char **with = stele_arguments_list(arguments, "with");
    stele_status status =
        stele_generate_files(stele_arguments_operand(arguments, 0), with, folder,
                             stele_arguments_text(arguments, "prefix", NULL), &err);
    free(with);
    return status < 0 ? stele_cli_fail_error(cli, &err) : STELE_EXIT_DONE;
}
