/* SPDX-License-Identifier: MIT
 * `schema convert`: what a reader sees of a writer's data, one datum per line. */
#include "cli/cmd.h"

#include <stele/json.h>

#include <stdlib.h>
#include <string.h>

#include "cli/lines.h"
#include "core/alloc.h"

typedef enum data_form { FORM_HEX, FORM_JSON, FORM_PLAIN } data_form;

typedef struct conversion {
    stele_schema_files writer, reader;
    stele_type *writer_type, *reader_type;
    stele_plan *plan;
    stele_arena *arena;
    void *value; /* room for either type */
    data_form from, to;
    stele_buffer bytes; /* the datum as Avro binary */
} conversion;

static void conversion_clear(conversion *converter)
{
    stele_plan_free(converter->plan);
    stele_type_free(converter->writer_type);
    stele_type_free(converter->reader_type);
    stele_schema_files_clear(&converter->writer);
    stele_schema_files_clear(&converter->reader);
    stele_arena_free(converter->arena);
    stele_buffer_clear(&converter->bytes);
    free(converter->value);
}
STELE_VALUE_SCOPE(conversion, conversion_clear);

static data_form form_of(const stele_arguments *arguments, const char *option, data_form fallback)
{
    const char *name = stele_arguments_text(arguments, option, "");
    if (strcmp(name, "hex") == 0) return FORM_HEX;
    if (strcmp(name, "json") == 0) return FORM_JSON;
    if (strcmp(name, "plain") == 0) return FORM_PLAIN;
    return fallback;
}

static int hex_digit(char digit)
{
    if (digit >= '0' && digit <= '9') return digit - '0';
    if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
    return -1;
}

static stele_status read_hex(stele_bytes line, stele_buffer *out, stele_error *err)
{
    if (line.size % 2 != 0)
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_REJECT, "an odd number of hex digits");
    for (size_t i = 0; i < line.size; i += 2) {
        int high = hex_digit((char)line.data[i]);
        int low = hex_digit((char)line.data[i + 1]);
        if (high < 0 || low < 0)
            return stele_fail(err, STELE_E_INVALID, STELE_NEXT_REJECT,
                              "column %zu: not a hex digit", high < 0 ? i + 1 : i + 2);
        stele_buffer_push(out, (uint8_t)(high << 4 | low));
    }
    return STELE_OK;
}

static void write_hex(FILE *out, stele_bytes bytes)
{
    for (size_t i = 0; i < bytes.size; i++)
        fprintf(out, "%02x", bytes.data[i]);
}

static stele_json_form json_form(data_form form)
{
    return form == FORM_JSON ? STELE_JSON_AVRO : STELE_JSON_PLAIN;
}

/* The datum of a line as the writer's Avro binary, in converter->bytes. */
static stele_status read_datum(conversion *converter, stele_bytes line, stele_error *err)
{
    if (converter->from == FORM_HEX) return read_hex(line, &converter->bytes, err);
    stele_status status = stele_json_read(converter->writer_type, line, json_form(converter->from),
                                          NULL, converter->value, converter->arena, err);
    if (status < 0) return status;
    return stele_encode(converter->writer_type, converter->value, &converter->bytes, err);
}

static stele_status convert_line(conversion *converter, stele_bytes line, stele_buffer *out,
                                 stele_error *err)
{
    stele_arena_reset(converter->arena);
    stele_buffer_reset(&converter->bytes);
    stele_status status = read_datum(converter, line, err);
    if (status < 0) return status;
    status = stele_plan_decode(converter->plan, stele_buffer_view(&converter->bytes),
                               converter->value, converter->arena, err);
    if (status < 0) return status;
    if (converter->to == FORM_HEX)
        return stele_encode(converter->reader_type, converter->value, out, err);
    return stele_json_write(converter->reader_type, converter->value, json_form(converter->to), out,
                            err);
}

static stele_status prepare(conversion *converter, stele_cli *cli, const stele_arguments *arguments,
                            stele_error *err)
{
    const char *writer = stele_arguments_text(arguments, "writer", NULL);
    const char *reader = stele_arguments_text(arguments, "reader", writer);
    stele_status status;
    if ((status = stele_cli_schema(cli, arguments, writer, &converter->writer, err)) < 0 ||
        (status = stele_cli_schema(cli, arguments, reader, &converter->reader, err)) < 0 ||
        (status = stele_type_new(converter->writer.schema, &converter->writer_type, err)) < 0 ||
        (status = stele_type_new(converter->reader.schema, &converter->reader_type, err)) < 0)
        return status;
    size_t writer_size = converter->writer_type->layout->size;
    size_t reader_size = converter->reader_type->layout->size;
    converter->value = stele_alloc((writer_size > reader_size ? writer_size : reader_size) + 1);
    converter->arena = stele_arena_new();
    converter->from = form_of(arguments, "from", FORM_HEX);
    converter->to = form_of(arguments, "to", FORM_JSON);
    return stele_plan_new(converter->writer.schema, converter->reader_type, NULL, &converter->plan,
                          err);
}

static void print_line(stele_cli *cli, const conversion *converter, const stele_buffer *text)
{
    if (converter->to == FORM_HEX)
        write_hex(cli->out, stele_buffer_view(text));
    else if (text->size > 0)
        fwrite(text->data, 1, text->size, cli->out);
    fputc('\n', cli->out);
}

stele_exit stele_cmd_schema_convert(stele_cli *cli, const stele_arguments *arguments)
{
    STELE_AUTO_VALUE(conversion) converter = {0};
    STELE_AUTO_VALUE(stele_buffer) text = {0};
    stele_error err = {0};
    stele_status status = prepare(&converter, cli, arguments, &err);
    /* Schemas that never go together fail each datum, as those that fit only some of them do. */
    bool never = status == STELE_E_INCOMPATIBLE;
    if (status < 0 && !never) return stele_cli_fail_error(cli, &err);
    stele_error refusal = err;

    STELE_AUTO(stele_lines) lines = stele_lines_new(cli->in);
    bool failed = false;
    stele_bytes datum;
    int got;
    while ((got = stele_lines_next(lines, &datum, &err)) > 0) {
        stele_buffer_reset(&text);
        if (never)
            err = refusal;
        else
            status = convert_line(&converter, datum, &text, &err);
        if (status == STELE_OK) {
            print_line(cli, &converter, &text);
            continue;
        }
        failed = true;
        stele_cli_print(cli->out, "error: %s", err.text);
    }
    if (got < 0) return stele_cli_fail_error(cli, &err);
    return failed ? STELE_EXIT_FAILED : STELE_EXIT_DONE;
}
