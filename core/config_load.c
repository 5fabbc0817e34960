/* SPDX-License-Identifier: MIT
 * Where settings come from: the file, the environment and -o, loaded in the order of precedence. */
#include "core/config.h"

#include <string.h>

#include "core/alloc.h"
#include "core/config_store.h"
#include "core/file.h"
#include "core/ini.h"
#include "core/suggest.h"
#include "core/text.h"

/* The file */

typedef struct file_context {
    stele_config *config;
    const char *file;
} file_context;

static stele_status add_line(void *context, const stele_ini_line *line, stele_error *err)
{
    const file_context *from = context;
    STELE_AUTO(char) origin = stele_strdup_format("%s:%d", from->file, line->number);
    const stele_config_entry entry = {.rank = STELE_CONFIG_FROM_FILE,
                                      .origin = origin,
                                      .section = line->section,
                                      .name = line->name,
                                      .key = line->key,
                                      .value = line->value};
    return stele_config_add(from->config, &entry, err);
}

static stele_status load_file(stele_config *config, const char *file, stele_error *err)
{
    STELE_AUTO_VALUE(stele_buffer) text = {0};
    stele_status status = stele_file_read(file, STELE_INI_SIZE_MAX, &text, err);
    if (status < 0) return status;
    return stele_ini_parse(stele_buffer_view(&text), file, add_line,
                           &(file_context){.config = config, .file = file}, err);
}

/* The environment */

static bool has_prefix(stele_bytes text, stele_bytes prefix)
{
    return stele_bytes_equal(
        stele_bytes_of(text.data, text.size < prefix.size ? text.size : prefix.size), prefix);
}

static stele_bytes drop(stele_bytes text, size_t size)
{
    return stele_bytes_of(text.data + size, text.size - size);
}

/* Is `word` the environment's form of `key`, or, after some NAME_, its end? */
static bool matches_key(stele_bytes word, const char *key, bool is_repeated, stele_bytes *name)
{
    STELE_AUTO_VALUE(stele_buffer) form = {0};
    if (is_repeated) stele_buffer_push(&form, '_');
    stele_config_environment_word(&form, stele_text(key));
    if (word.size < form.size || (!is_repeated && word.size > form.size)) return false;
    size_t front = word.size - form.size;
    if (memcmp(word.data + front, form.data, form.size) != 0) return false;
    *name = is_repeated ? stele_bytes_of(word.data, front) : stele_bytes_of(NULL, 0);
    return !is_repeated || front > 0;
}

static stele_status unknown_variable(const char *variable, const stele_config_section *section,
                                     stele_error *err)
{
    STELE_AUTO_VALUE(stele_buffer) keys = {0};
    for (const stele_config_key *k = stele_config_keys; k->section != NULL; k++) {
        if (strcmp(k->section, section->name) != 0) continue;
        stele_buffer_format(&keys, "%s%s", keys.size == 0 ? "" : ", ", k->key);
    }
    return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                      "%s in the environment is no key of [%s%s]; its keys are %s", variable,
                      section->name, section->is_repeated ? " NAME" : "", stele_buffer_text(&keys));
}

/* Fills in name and key for the part of a variable's name behind its section. `free_key` keeps the
 * key of a free section: what is _ there is . in librdkafka. */
static bool resolve_variable(const stele_config_section *section, stele_bytes word,
                             stele_config_entry *entry, stele_buffer *free_key)
{
    for (const stele_config_key *k = stele_config_keys; k->section != NULL; k++) {
        stele_bytes name;
        if (strcmp(k->section, section->name) != 0) continue;
        if (!matches_key(word, k->key, section->is_repeated, &name)) continue;
        entry->key = stele_text(k->key);
        entry->name = name;
        return true;
    }
    if (!section->is_free) return false;
    for (size_t i = 0; i < word.size; i++) {
        uint8_t c = word.data[i];
        bool is_upper = c >= 'A' && c <= 'Z';
        stele_buffer_push(free_key, c == '_' ? '.' : is_upper ? (uint8_t)(c - 'A' + 'a') : c);
    }
    entry->key = stele_buffer_view(free_key);
    return true;
}

static stele_status load_variable(stele_config *config, const char *variable, stele_error *err)
{
    size_t size = strcspn(variable, "=");
    const char *value = variable + size + (variable[size] == '=');
    if (*value == '\0') return STELE_OK;

    STELE_AUTO(char) origin = stele_strndup(variable, size);
    STELE_AUTO_VALUE(stele_buffer) free_key = {0};
    stele_config_entry entry = {
        .rank = STELE_CONFIG_FROM_ENVIRONMENT, .origin = origin, .value = stele_text(value)};
    for (const stele_config_section *s = stele_config_sections; s->name != NULL; s++) {
        STELE_AUTO_VALUE(stele_buffer) prefix = {0};
        stele_buffer_format(&prefix, "STELE_");
        stele_config_environment_word(&prefix, stele_text(s->name));
        stele_buffer_push(&prefix, '_');
        if (!has_prefix(stele_text(origin), stele_buffer_view(&prefix))) continue;

        stele_bytes word = drop(stele_text(origin), prefix.size);
        if (!resolve_variable(s, word, &entry, &free_key)) return unknown_variable(origin, s, err);
        entry.section = stele_text(s->name);
        return stele_config_add(config, &entry, err);
    }
    return STELE_OK; /* another STELE_ variable, for instance of the test scripts */
}

static stele_status load_environment(stele_config *config, const char *const *environment,
                                     stele_error *err)
{
    static const char brokers[] = "STELE_KAFKA=";
    stele_status status;
    for (const char *const *v = environment; *v != NULL; v++) {
        if (strncmp(*v, brokers, sizeof brokers - 1) != 0 || (*v)[sizeof brokers - 1] == '\0') {
            continue;
        }
        const stele_config_entry entry = {.rank = STELE_CONFIG_FROM_ENVIRONMENT,
                                          .origin = "STELE_KAFKA",
                                          .section = stele_text("kafka"),
                                          .key = stele_text("bootstrap.servers"),
                                          .value = stele_text(*v + sizeof brokers - 1)};
        if ((status = stele_config_add(config, &entry, err)) < 0) return status;
    }
    for (const char *const *v = environment; *v != NULL; v++) {
        if (strncmp(*v, "STELE_", 6) != 0) continue;
        if ((status = load_variable(config, *v, err)) < 0) return status;
    }
    return STELE_OK;
}

/* -o */

static size_t find_byte(stele_bytes text, char byte)
{
    size_t at = 0;
    while (at < text.size && text.data[at] != (uint8_t)byte)
        at++;
    return at;
}

/* section.key, or section.NAME.key, where NAME may have dots itself. */
static bool split_path(stele_bytes path, stele_config_entry *entry)
{
    size_t dot = find_byte(path, '.');
    if (dot == 0 || dot + 1 >= path.size) return false;
    entry->section = stele_bytes_of(path.data, dot);
    entry->key = drop(path, dot + 1);

    const stele_config_section *section = stele_config_find_section(entry->section);
    if (section == NULL || !section->is_repeated) return true;
    size_t last = entry->key.size;
    while (last > 0 && entry->key.data[last - 1] != '.')
        last--;
    if (last < 2 || last == entry->key.size) return false;
    entry->name = stele_bytes_of(entry->key.data, last - 1);
    entry->key = drop(entry->key, last);
    return true;
}

static stele_status load_override(stele_config *config, const char *override, stele_error *err)
{
    stele_bytes text = stele_text(override);
    size_t equals = find_byte(text, '=');
    stele_config_entry entry = {.rank = STELE_CONFIG_FROM_OVERRIDE, .origin = "-o"};
    if (equals == text.size || !split_path(stele_bytes_of(text.data, equals), &entry)) {
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                          "-o %s: section.key=value or projection.NAME.key=value is expected",
                          stele_quote(stele_bytes_of(text.data, equals)).text);
    }
    entry.value = drop(text, equals + 1);
    return stele_config_add(config, &entry, err);
}

stele_status stele_config_load(const stele_config_options *options, stele_config **out,
                               stele_error *err)
{
    stele_status status;
    STELE_AUTO(stele_config) config = stele_alloc(sizeof *config);
    if (options->file != NULL && (status = load_file(config, options->file, err)) < 0) {
        return status;
    }
    if (options->environment != NULL &&
        (status = load_environment(config, options->environment, err)) < 0) {
        return status;
    }
    for (const char *const *o = options->overrides; o != NULL && *o != NULL; o++) {
        if ((status = load_override(config, *o, err)) < 0) return status;
    }
    stele_config_collect_kafka(config);
    *out = config;
    config = NULL;
    return STELE_OK;
}
