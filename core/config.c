/* SPDX-License-Identifier: MIT
 * Checking what was set against the table of keys, and answering what holds. */
#include "core/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"
#include "core/config_store.h"
#include "core/file.h"
#include "core/message.h"
#include "core/suggest.h"
#include "core/text.h"

enum { SECRET_SIZE_MAX = 64 * 1024, NAME_SIZE_MAX = 200 };

typedef stele_config_setting setting;

/* The table */

static bool is_text(stele_bytes bytes, const char *text)
{
    return stele_bytes_equal(bytes, stele_text(text));
}

const stele_config_section *stele_config_find_section(stele_bytes name)
{
    const stele_config_section *section = stele_config_sections;
    while (section->name != NULL && !is_text(name, section->name))
        section++;
    return section->name == NULL ? NULL : section;
}

const stele_config_key *stele_config_find_key(const stele_config_section *section, stele_bytes key)
{
    for (const stele_config_key *k = stele_config_keys; k->section != NULL; k++) {
        if (strcmp(k->section, section->name) == 0 && is_text(key, k->key)) return k;
    }
    return NULL;
}

void stele_config_environment_word(stele_buffer *out, stele_bytes word)
{
    for (size_t i = 0; i < word.size; i++) {
        uint8_t c = word.data[i];
        bool is_lower = c >= 'a' && c <= 'z';
        bool is_kept = (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        stele_buffer_push(out, is_lower ? (uint8_t)(c - 'a' + 'A') : is_kept ? c : '_');
    }
}

/* Checking */

static stele_status fail(const stele_config_entry *entry, stele_error *err, const char *text)
{
    return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP, "%s: %s", entry->origin, text);
}

/* "text; did you mean X?", or without the question where nothing is near. */
static stele_status fail_suggesting(const stele_config_entry *entry, const char *text,
                                    const stele_suggestion *suggestion, stele_error *err)
{
    if (suggestion->best == NULL) return fail(entry, err, text);
    return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP, "%s: %s; did you mean %s?",
                      entry->origin, text, suggestion->best);
}

static stele_status unknown_section(const stele_config_entry *entry, stele_error *err)
{
    stele_suggestion suggestion = {.word = entry->section};
    for (const stele_config_section *s = stele_config_sections; s->name != NULL; s++) {
        stele_suggestion_offer(&suggestion, s->name);
    }
    char text[120];
    stele_message_format(text, sizeof text, "there is no section %s",
                         stele_quote(entry->section).text);
    return fail_suggesting(entry, text, &suggestion, err);
}

static stele_status unknown_key(const stele_config_entry *entry,
                                const stele_config_section *section, stele_error *err)
{
    stele_suggestion suggestion = {.word = entry->key};
    for (const stele_config_key *k = stele_config_keys; k->section != NULL; k++) {
        if (strcmp(k->section, section->name) == 0) stele_suggestion_offer(&suggestion, k->key);
    }
    char text[160];
    stele_message_format(text, sizeof text, "section [%s] has no key %s", section->name,
                         stele_quote(entry->key).text);
    return fail_suggesting(entry, text, &suggestion, err);
}

static bool is_name(stele_bytes name, const char *marks)
{
    for (size_t i = 0; i < name.size; i++) {
        uint8_t c = name.data[i];
        bool is_word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!is_word && (c == '\0' || strchr(marks, c) == NULL)) return false;
    }
    return name.size > 0 && name.size <= NAME_SIZE_MAX;
}

static stele_status check_name(const stele_config_entry *entry, const stele_config_section *section,
                               stele_error *err)
{
    char text[160];
    if (section->is_repeated && !is_name(entry->name, "._-")) {
        stele_message_format(text, sizeof text,
                             entry->name.data == NULL
                                 ? "[%s] needs a name: [%s NAME]"
                                 : "the name in [%s NAME] has letters, digits, . _ and -",
                             section->name, section->name);
        return fail(entry, err, text);
    }
    if (!section->is_repeated && entry->name.data != NULL) {
        stele_message_format(text, sizeof text, "section [%s] takes no name, but there is %s",
                             section->name, stele_quote(entry->name).text);
        return fail(entry, err, text);
    }
    return STELE_OK;
}

static stele_status check_free_key(const stele_config_entry *entry, stele_error *err)
{
    char text[200];
    if (!is_name(entry->key, "._-")) {
        stele_message_format(text, sizeof text, "%s is no key of librdkafka",
                             stele_quote(entry->key).text);
        return fail(entry, err, text);
    }
    STELE_AUTO(char) key = stele_strndup((const char *)entry->key.data, entry->key.size);
    const char *reason = stele_config_owned_reason(key);
    if (reason == NULL) return STELE_OK;
    stele_message_format(text, sizeof text, "Stele sets %s itself: %s; remove it", key, reason);
    return fail(entry, err, text);
}

/* "NAME." of a repeated section, else nothing. */
static stele_quoted name_part(const stele_config_entry *entry)
{
    stele_quoted part = {""};
    if (entry->name.data == NULL) return part;
    int size = entry->name.size < 60 ? (int)entry->name.size : 60;
    snprintf(part.text, sizeof part.text, "%.*s.", size, (const char *)entry->name.data);
    return part;
}

static stele_status fail_value(const stele_config_entry *entry, const stele_config_key *key,
                               const char *reason, stele_error *err)
{
    return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP, "%s: %s.%s%s: %s", entry->origin,
                      key->section, name_part(entry).text, key->key, reason);
}

static stele_status set_int(const stele_config_entry *entry, setting *set, stele_error *err)
{
    stele_error reason;
    const stele_config_key *key = set->key;
    if (stele_parse_int64(entry->value, key->min, key->max, &set->number, &reason) < 0) {
        return fail_value(entry, key, reason.text, err);
    }
    return STELE_OK;
}

static bool has_choice(const char *choices, stele_bytes value)
{
    while (*choices != '\0') {
        size_t size = strcspn(choices, "|");
        if (stele_bytes_equal(stele_bytes_of(choices, size), value)) return true;
        choices += size + (choices[size] == '|');
    }
    return false;
}

static stele_status check_choice(const stele_config_entry *entry, const stele_config_key *key,
                                 stele_error *err)
{
    if (has_choice(key->choices, entry->value)) return STELE_OK;
    char text[200];
    stele_message_format(text, sizeof text, "%s is not one of %s", stele_quote(entry->value).text,
                         key->choices);
    return fail_value(entry, key, text, err);
}

/* A secret itself, or the content of file:PATH without the line's end. */
static stele_status set_secret(const stele_config_entry *entry, setting *set, stele_error *err)
{
    static const char prefix[] = "file:";
    if (strncmp(set->value, prefix, sizeof prefix - 1) != 0) return STELE_OK;

    STELE_AUTO_VALUE(stele_buffer) content = {0};
    stele_error reason;
    stele_status status =
        stele_file_read(set->value + sizeof prefix - 1, SECRET_SIZE_MAX, &content, &reason);
    if (status < 0) {
        fail_value(entry, set->key, reason.text, err);
        if (err != NULL) err->status = status;
        return status;
    }
    while (content.size > 0 &&
           (content.data[content.size - 1] == '\n' || content.data[content.size - 1] == '\r')) {
        content.size--;
    }
    if (content.size == 0 || memchr(content.data, '\0', content.size) != NULL) {
        return fail_value(entry, set->key, "the file of the secret is empty or not text", err);
    }
    free(set->value);
    set->value = stele_strndup((const char *)content.data, content.size);
    return STELE_OK;
}

static stele_status set_value(const stele_config_entry *entry, setting *set, stele_error *err)
{
    const stele_config_key *key = set->key;
    if (key == NULL) return STELE_OK; /* librdkafka checks it */
    if (entry->value.size == 0) {
        return fail_value(entry, key, "there is no value; leave it out for the default", err);
    }
    switch (key->type) {
    case STELE_CONFIG_TEXT:
        return STELE_OK;
    case STELE_CONFIG_INT:
        return set_int(entry, set, err);
    case STELE_CONFIG_CHOICE:
        return check_choice(entry, key, err);
    case STELE_CONFIG_SECRET:
        return set_secret(entry, set, err);
    }
    return STELE_OK;
}

/* Storing */

static void setting_clear(setting *set)
{
    free(set->free_key);
    free(set->name);
    free(set->value);
    free(set->origin);
}

STELE_VALUE_SCOPE(stele_config_setting, setting_clear);

static bool is_same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool is_same_place(const setting *a, const setting *b)
{
    return a->rank == b->rank && a->section == b->section && a->key == b->key &&
           is_same_text(a->free_key, b->free_key) && is_same_text(a->name, b->name);
}

/* A key twice in a file is a mistake; the later -o wins, as people append them. */
static stele_status check_twice(const stele_config *config, const setting *set, stele_error *err)
{
    if (set->rank != STELE_CONFIG_FROM_FILE || set->value == NULL) return STELE_OK;
    for (size_t i = 0; i < config->count; i++) {
        const setting *earlier = &config->settings[i];
        if (earlier->value == NULL || !is_same_place(earlier, set)) continue;
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP, "%s: %s is set already: %s",
                          set->origin, set->key != NULL ? set->key->key : set->free_key,
                          earlier->origin);
    }
    return STELE_OK;
}

static char *copy(stele_bytes view)
{
    return view.data == NULL ? NULL : stele_strndup((const char *)view.data, view.size);
}

static void store(stele_config *config, const setting *set)
{
    if (config->count == config->capacity) {
        config->capacity = config->capacity == 0 ? 16 : config->capacity * 2;
        config->settings =
            stele_realloc_array(config->settings, config->capacity, sizeof *config->settings);
    }
    config->settings[config->count++] = *set;
}

stele_status stele_config_add(stele_config *config, const stele_config_entry *entry,
                              stele_error *err)
{
    stele_status status;
    const stele_config_section *section = stele_config_find_section(entry->section);
    if (section == NULL) return unknown_section(entry, err);
    if ((status = check_name(entry, section, err)) < 0) return status;

    STELE_AUTO_VALUE(stele_config_setting) set = {.rank = entry->rank, .section = section};
    set.name = copy(entry->name);
    set.origin = stele_strdup(entry->origin);
    if (entry->key.data != NULL) {
        set.key = stele_config_find_key(section, entry->key);
        if (set.key == NULL && !section->is_free) return unknown_key(entry, section, err);
        if (set.key == NULL && (status = check_free_key(entry, err)) < 0) return status;
        if (set.key == NULL) set.free_key = copy(entry->key);
        set.value = copy(entry->value);
        if ((status = set_value(entry, &set, err)) < 0) return status;
        if ((status = check_twice(config, &set, err)) < 0) return status;
    }
    store(config, &set);
    set = (setting){0};
    return STELE_OK;
}

void stele_config_free(stele_config *config)
{
    if (config == NULL) return;
    for (size_t i = 0; i < config->count; i++)
        setting_clear(&config->settings[i]);
    free(config->settings);
    free(config->kafka);
    free(config);
}

/* Asking */

static bool has_name(const setting *set, const char *name)
{
    if (set->rank != STELE_CONFIG_FROM_ENVIRONMENT || name == NULL) {
        return is_same_text(set->name, name);
    }
    STELE_AUTO_VALUE(stele_buffer) word = {0};
    stele_config_environment_word(&word, stele_text(name));
    return is_same_text(set->name, stele_buffer_text(&word));
}

/* What holds for a key: of the highest rank the last; NULL if it is not set. */
static const setting *find_setting(const stele_config *config, const stele_config_key *key,
                                   const char *name)
{
    const setting *best = NULL;
    for (size_t i = 0; i < config->count; i++) {
        const setting *set = &config->settings[i];
        if (set->key != key || !has_name(set, name)) continue;
        if (best == NULL || set->rank >= best->rank) best = set;
    }
    return best;
}

/* The key that is asked for. Asking for one that is not in the table is a bug of the caller. */
static const stele_config_key *require_key(const char *section, const char *name, const char *key,
                                           bool is_number)
{
    const stele_config_section *found = stele_config_find_section(stele_text(section));
    const stele_config_key *k =
        found == NULL ? NULL : stele_config_find_key(found, stele_text(key));
    if (k == NULL || found->is_repeated != (name != NULL) ||
        is_number != (k->type == STELE_CONFIG_INT)) {
        fprintf(stderr, "stele: bug: no such configuration key: %s.%s\n", section, key);
        abort();
    }
    return k;
}

const char *stele_config_text(const stele_config *config, const char *section, const char *name,
                              const char *key)
{
    const stele_config_key *k = require_key(section, name, key, false);
    const setting *set = find_setting(config, k, name);
    return set == NULL ? k->initial : set->value;
}

int64_t stele_config_int(const stele_config *config, const char *section, const char *name,
                         const char *key)
{
    const stele_config_key *k = require_key(section, name, key, true);
    const setting *set = find_setting(config, k, name);
    return set == NULL ? strtoll(k->initial, NULL, 10) : set->number;
}

bool stele_config_is(const stele_config *config, const char *section, const char *name,
                     const char *key, const char *choice)
{
    const stele_config_key *k = require_key(section, name, key, false);
    if (k->type != STELE_CONFIG_CHOICE || !has_choice(k->choices, stele_text(choice))) {
        fprintf(stderr, "stele: bug: %s.%s has no choice %s\n", section, key, choice);
        abort();
    }
    return strcmp(stele_config_text(config, section, name, key), choice) == 0;
}

const char *stele_config_origin(const stele_config *config, const char *section, const char *name,
                                const char *key)
{
    const stele_config_section *found = stele_config_find_section(stele_text(section));
    const stele_config_key *k =
        found == NULL ? NULL : stele_config_find_key(found, stele_text(key));
    const setting *set = k == NULL ? NULL : find_setting(config, k, name);
    return set == NULL ? "default" : set->origin;
}

static bool is_first_of_name(const stele_config *config, const setting *set)
{
    for (const setting *earlier = config->settings; earlier < set; earlier++) {
        if (earlier->section == set->section && earlier->rank != STELE_CONFIG_FROM_ENVIRONMENT &&
            is_same_text(earlier->name, set->name)) {
            return false;
        }
    }
    return true;
}

static const setting *find_name(const stele_config *config, const char *section, size_t index)
{
    for (size_t i = 0; i < config->count; i++) {
        const setting *set = &config->settings[i];
        if (set->rank == STELE_CONFIG_FROM_ENVIRONMENT || set->name == NULL) continue;
        if (strcmp(set->section->name, section) != 0 || !is_first_of_name(config, set)) continue;
        if (index-- == 0) return set;
    }
    return NULL;
}

const char *stele_config_name(const stele_config *config, const char *section, size_t index)
{
    const setting *set = find_name(config, section, index);
    return set != NULL ? set->name : NULL;
}

const char *stele_config_name_origin(const stele_config *config, const char *section, size_t index)
{
    return find_name(config, section, index)->origin;
}

/* librdkafka's keys */

static void put_pair(stele_config *config, stele_config_pair pair)
{
    for (size_t i = 0; i < config->kafka_count; i++) {
        if (strcmp(config->kafka[i].key, pair.key) != 0) continue;
        config->kafka[i] = pair;
        return;
    }
    config->kafka[config->kafka_count++] = pair;
}

void stele_config_collect_kafka(stele_config *config)
{
    const stele_config_section *kafka = stele_config_find_section(stele_text("kafka"));
    size_t most = config->count;
    for (const stele_config_key *k = stele_config_keys; k->section != NULL; k++)
        most++;
    config->kafka = stele_alloc_array(most, sizeof *config->kafka);

    for (const stele_config_key *k = stele_config_keys; k->section != NULL; k++) {
        if (strcmp(k->section, kafka->name) != 0 || k->initial == NULL) continue;
        put_pair(config,
                 (stele_config_pair){.key = k->key, .value = k->initial, .origin = "default"});
    }
    /* Settings are in the order of their ranks, so the last of a key holds. */
    for (size_t i = 0; i < config->count; i++) {
        const setting *set = &config->settings[i];
        if (set->section != kafka || set->value == NULL) continue;
        put_pair(config, (stele_config_pair){
                             .key = set->key != NULL ? set->key->key : set->free_key,
                             .value = set->value,
                             .origin = set->origin,
                             .is_secret = set->key != NULL && set->key->type == STELE_CONFIG_SECRET,
                         });
    }
}

const stele_config_pair *stele_config_kafka(const stele_config *config, size_t *count)
{
    *count = config->kafka_count;
    return config->kafka;
}
