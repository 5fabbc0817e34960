/* SPDX-License-Identifier: MIT
 * Names of what is on Kafka, made and taken apart. */
#include "core/names.h"

#include <inttypes.h>
#include <string.h>

#include "core/alloc.h"
#include "core/message.h"
#include "core/text.h"

#define EVENTS_SUFFIX     ".events"
#define COMMANDS_SUFFIX   ".commands"
#define DEAD_SUFFIX       ".dead"
#define SNAPSHOTS_SUFFIX  ".snapshots"
#define CONTROL_SUFFIX    ".control"
#define WRITER_SUFFIX     ".writer"
#define REACTIONS_SUFFIX  ".reactions"
#define VERSION_MARK      ".v"
#define CHECKPOINT_PREFIX STELE_RESERVED_PREFIX "checkpoint:"
#define COMMANDS_PREFIX   STELE_RESERVED_PREFIX "commands:"
#define DEAD_PREFIX       STELE_RESERVED_PREFIX "dead:"

static bool begins_with(stele_bytes text, const char *prefix)
{
    size_t size = strlen(prefix);
    return text.size >= size && memcmp(text.data, prefix, size) == 0;
}

/* What is left in front of the suffix: no data if the text does not end so, or is nothing else. */
static stele_bytes before_suffix(stele_bytes text, const char *suffix)
{
    size_t size = strlen(suffix);
    if (text.size <= size || memcmp(text.data + text.size - size, suffix, size) != 0)
        return (stele_bytes){0};
    return stele_bytes_of(text.data, text.size - size);
}

/* The number after the last `mark`, and what is in front of it. */
static bool split_number(stele_bytes text, char mark, int64_t min, stele_bytes *front,
                         int32_t *number)
{
    size_t at = text.size;
    while (at > 0 && text.data[at - 1] != (uint8_t)mark)
        at--;
    if (at < 2 || at == text.size) return false;
    if (text.data[at] < '0' || text.data[at] > '9') return false; /* a sign */
    if (text.data[at] == '0' && text.size - at > 1) return false;
    int64_t value;
    stele_bytes digits = stele_bytes_of(text.data + at, text.size - at);
    if (stele_parse_int64(digits, min, INT32_MAX, &value, NULL) < 0) return false;
    *front = stele_bytes_of(text.data, at - 1);
    *number = (int32_t)value;
    return true;
}

bool stele_id_is_reserved(stele_bytes id)
{
    return begins_with(id, STELE_RESERVED_PREFIX);
}

/* ---- topics and groups ---- */

char *stele_events_topic(const char *aggregate)
{
    return stele_strdup_format("%s" EVENTS_SUFFIX, aggregate);
}

bool stele_events_topic_parse(const char *topic, stele_bytes *aggregate)
{
    stele_bytes front = before_suffix(stele_text(topic), EVENTS_SUFFIX);
    if (front.data == NULL) return false;
    *aggregate = front;
    return true;
}

char *stele_commands_topic(const char *aggregate)
{
    return stele_strdup_format("%s" COMMANDS_SUFFIX, aggregate);
}

char *stele_commands_dead_topic(const char *aggregate)
{
    return stele_strdup_format("%s" COMMANDS_SUFFIX DEAD_SUFFIX, aggregate);
}

char *stele_projection_group(const char *projection, int version)
{
    if (stele_writer_name_parse(projection, NULL)) return stele_strdup(projection);
    return stele_strdup_format("%s" VERSION_MARK "%d", projection, version);
}

char *stele_writer_name(const char *aggregate)
{
    return stele_strdup_format("%s" WRITER_SUFFIX, aggregate);
}

char *stele_snapshots_topic(const char *projection, int version)
{
    return stele_strdup_format("%s" VERSION_MARK "%d" SNAPSHOTS_SUFFIX, projection, version);
}

char *stele_snapshots_topic_of_group(const char *group)
{
    return stele_strdup_format("%s" SNAPSHOTS_SUFFIX, group);
}

char *stele_control_topic(const char *group)
{
    return stele_strdup_format("%s" CONTROL_SUFFIX, group);
}

bool stele_writer_name_parse(const char *name, stele_bytes *aggregate)
{
    stele_bytes front = before_suffix(stele_text(name), WRITER_SUFFIX);
    if (front.data != NULL && aggregate != NULL) *aggregate = front;
    return front.data != NULL;
}

char *stele_reactions_group(const char *name, const char *aggregate)
{
    return stele_strdup_format("%s.%s" REACTIONS_SUFFIX, name, aggregate);
}

bool stele_reactions_group_parse(const char *group, stele_bytes *name)
{
    stele_bytes front = before_suffix(stele_text(group), REACTIONS_SUFFIX);
    const char *dot = front.data == NULL ? NULL : memchr(front.data, '.', front.size);
    if (dot == NULL) return false;
    *name = stele_bytes_of(front.data, (size_t)(dot - (const char *)front.data));
    return true;
}

bool stele_projection_group_parse(stele_bytes group, stele_projection_name *out)
{
    stele_bytes front, name;
    int32_t version;
    if (!split_number(group, 'v', 1, &front, &version)) return false;
    name = before_suffix(front, ".");
    if (name.data == NULL) return false;
    *out = (stele_projection_name){name, version};
    return true;
}

stele_bytes stele_snapshots_topic_parse(const char *topic, stele_projection_name *out)
{
    stele_projection_name name;
    stele_bytes group = before_suffix(stele_text(topic), SNAPSHOTS_SUFFIX);
    if (group.data == NULL || !stele_projection_group_parse(group, &name)) return (stele_bytes){0};
    if (out != NULL) *out = name;
    return group;
}

char *stele_version_owner(const char *name)
{
    stele_bytes of;
    stele_projection_name group;
    bool writes = stele_writer_name_parse(name, &of);
    if (!writes)
        of = stele_projection_group_parse(stele_text(name), &group) ? group.projection
                                                                    : stele_text(name);
    return stele_strdup_format("%s %.*s", writes ? "aggregate" : "projection", (int)of.size,
                               (const char *)of.data);
}

bool stele_projection_group_is_of(const char *group, const char *projection)
{
    if (strcmp(group, projection) == 0) return true;
    stele_projection_name name;
    stele_bytes reactions;
    if (stele_reactions_group_parse(group, &reactions))
        return stele_bytes_equal(reactions, stele_text(projection));
    return stele_projection_group_parse(stele_text(group), &name) &&
           stele_bytes_equal(name.projection, stele_text(projection));
}

/* ---- transactional ids and keys ---- */

char *stele_transactional_id(const char *group, const char *topic, int32_t partition)
{
    return stele_strdup_format("%s-%s-%d", group, topic, (int)partition);
}

char *stele_writer_transactional_id(const char *aggregate, int32_t partition)
{
    return stele_strdup_format("%s" EVENTS_SUFFIX "-%d", aggregate, (int)partition);
}

char *stele_owner_key(const char *topic, int32_t partition)
{
    return stele_strdup_format("%s/%d", topic, (int)partition);
}

bool stele_owner_key_parse(stele_bytes key, stele_bytes *topic, int32_t *partition)
{
    stele_bytes front;
    int32_t number;
    if (!split_number(key, '/', 0, &front, &number) || memchr(front.data, '/', front.size) != NULL)
        return false;
    *topic = front;
    *partition = number;
    return true;
}

stele_position_text stele_position_format(const char *topic, int32_t partition, int64_t offset)
{
    stele_position_text of;
    stele_message_format(of.text, sizeof of.text, "%s/%d/%" PRId64, topic, (int)partition, offset);
    return of;
}

bool stele_position_parse(stele_bytes text, stele_bytes *topic, int32_t *partition, int64_t *offset)
{
    size_t size = text.size;
    while (size > 0 && text.data[size - 1] != '/')
        size--;
    return size > 0 &&
           stele_parse_int64(stele_bytes_of(text.data + size, text.size - size), 0, INT64_MAX,
                             offset, NULL) == STELE_OK &&
           stele_owner_key_parse(stele_bytes_of(text.data, size - 1), topic, partition);
}

char *stele_status_key(const char *group, const char *topic, int32_t partition)
{
    return stele_strdup_format("%s/%s/%d", group, topic, (int)partition);
}

bool stele_status_key_parse(char *key, stele_status_row *out)
{
    stele_bytes front;
    int32_t partition;
    if (!split_number(stele_text(key), '/', 0, &front, &partition)) return false;
    char *slash = memchr(key, '/', front.size);
    if (slash == NULL || slash == key || slash + 1 == key + front.size) return false;
    *slash = '\0';
    key[front.size] = '\0';
    *out = (stele_status_row){key, slash + 1, partition};
    return true;
}

char *stele_checkpoint_key(const char *topic, int32_t partition)
{
    return stele_strdup_format(CHECKPOINT_PREFIX "%s/%d", topic, (int)partition);
}

bool stele_checkpoint_key_parse(stele_bytes key, stele_bytes *topic, int32_t *partition)
{
    size_t prefix = sizeof CHECKPOINT_PREFIX - 1;
    if (!begins_with(key, CHECKPOINT_PREFIX)) return false;
    return split_number(stele_bytes_of(key.data + prefix, key.size - prefix), '/', 0, topic,
                        partition);
}

char *stele_commands_key(const char *topic, int32_t partition)
{
    return stele_strdup_format(COMMANDS_PREFIX "%s/%d", topic, (int)partition);
}

bool stele_commands_key_is(stele_bytes key)
{
    return begins_with(key, COMMANDS_PREFIX);
}

char *stele_dead_key(const char *topic, int32_t partition, int64_t offset)
{
    return stele_strdup_format(DEAD_PREFIX "%s",
                               stele_position_format(topic, partition, offset).text);
}

bool stele_pause_key_is(stele_bytes key)
{
    return key.data != NULL && stele_bytes_equal(key, stele_text(STELE_PAUSE_KEY));
}

bool stele_reset_key_is(stele_bytes key)
{
    return key.data != NULL && stele_bytes_equal(key, stele_text(STELE_RESET_KEY));
}

bool stele_dead_key_is(stele_bytes key)
{
    return begins_with(key, DEAD_PREFIX);
}

bool stele_dead_key_parse(stele_bytes key, stele_bytes *topic, int32_t *partition, int64_t *offset)
{
    size_t prefix = sizeof DEAD_PREFIX - 1;
    return begins_with(key, DEAD_PREFIX) &&
           stele_position_parse(stele_bytes_of(key.data + prefix, key.size - prefix), topic,
                                partition, offset);
}

/* ---- names that others choose ---- */

bool stele_name_is_valid(const char *name, const char *others, size_t max)
{
    if (name == NULL || name[0] == '\0' || name[0] == '_' || name[0] == '.') return false;
    for (const char *at = name; *at != '\0'; at++) {
        bool is_good = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') ||
                       (*at >= '0' && *at <= '9') || strchr(others, *at) != NULL;
        if (!is_good) return false;
    }
    return strlen(name) <= max;
}
