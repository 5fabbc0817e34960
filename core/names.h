/* SPDX-License-Identifier: MIT
 * Names of everything that Stele has on Kafka: topics, groups, transactional ids, reserved keys.
 * Each is made here and taken apart here, and nowhere else.
 *
 *   <aggregate>.events                     topic      events
 *   <projection>.v<n>                      group      of a projection; the beginning of its names
 *   <projection>.v<n>.snapshots            topic      states and checkpoints
 *   <aggregate>.writer                     group      of an aggregate's writer; the name of its
 *                                                     projection
 *   <aggregate>.writer.v<n>.snapshots      topic      its states, commands and checkpoints
 *   <aggregate>.commands                   topic      commands to it, where it takes them there
 *   <aggregate>.commands.dead              topic      those of them that were not carried out
 *   <aggregate>.events-<partition>         id         of that writer's transactional producer
 *   <name>.<aggregate>.reactions           group      of reactions to the events of an aggregate
 *   <topic>/<partition>                    key        in _stele.owners
 *   <projection>.v<n>-<topic>-<partition>  id         of the owner's transactional producer
 *   <projection>.v<n>/<topic>/<partition>  key        in _stele.status
 *   stele:checkpoint:<topic>/<partition>   key        in a snapshots topic
 *   stele:commands:<topic>/<partition>     key        likewise: how far its commands are read
 *   stele:dead:<topic>/<partition>/<offset> key       likewise: an event that was set aside
 *   <projection>.v<n>.control              topic      orders to its workers
 *   stele:pause                            key        in it: that no event is applied
 *   stele:reset                            key        in it: that it has begun again
 *   <projection>.control                   topic      what is said of all its versions
 *   stele:served                           key        in it: which one readers have
 *
 * Every function that makes a name returns text that the caller frees. */
#ifndef STELE_CORE_NAMES_H
#define STELE_CORE_NAMES_H

#include <stdbool.h>
#include <stdint.h>

#include <stele/bytes.h>

#define STELE_REGISTRY_TOPIC "_stele.schemas"
#define STELE_STATUS_TOPIC   "_stele.status"
#define STELE_OWNERS_TOPIC   "_stele.owners"

#define STELE_PAUSE_KEY "stele:pause"
#define STELE_RESET_KEY "stele:reset"

#define STELE_SERVED_KEY "stele:served"

#define STELE_RESERVED_PREFIX "stele:" /* aggregate ids must not begin so */

/** Is this an id that no aggregate may have? */
bool stele_id_is_reserved(stele_bytes id);

/* ---- topics and groups ---- */

char *stele_events_topic(const char *aggregate);

/** @param aggregate  view into `topic`
 * @return false: it is not a topic of events */
bool stele_events_topic_parse(const char *topic, stele_bytes *aggregate);

char *stele_commands_topic(const char *aggregate);
char *stele_commands_dead_topic(const char *aggregate);

/** "<projection>.v<n>"; of the projection that an aggregate's writer keeps "<aggregate>.writer",
 * whatever its version: a group decides who owns the events, and that stays as it is when something
 * else is made of them. */
char *stele_projection_group(const char *projection, int version);
char *stele_snapshots_topic(const char *projection, int version);
/** The same, of the group of a projection, which has its version in it. */
char *stele_snapshots_topic_of_group(const char *group);

/** Orders to the workers of a group. @param group  or a projection's name without a version, for
 * what is said of all of them */
char *stele_control_topic(const char *group);

/** The group of an aggregate's writer, and the name of the projection that it keeps. */
char *stele_writer_name(const char *aggregate);

/** @param aggregate  view into `name`; or NULL @return false: it is not the name of a writer */
bool stele_writer_name_parse(const char *name, stele_bytes *aggregate);

/** Whose version it is, for people: "projection customers", or of what a writer keeps "aggregate
 * account". @param name  of a projection, or its group */
char *stele_version_owner(const char *name);

/** The group of the reactions of that name to the events of an aggregate. */
char *stele_reactions_group(const char *name, const char *aggregate);

/** @param name  view into `group` @return false: it is not the group of reactions */
bool stele_reactions_group_parse(const char *group, stele_bytes *name);

/** A projection's name with its version, taken apart: "customers.v2". */
typedef struct stele_projection_name {
    stele_bytes projection; /* view: "customers" */
    int version;            /* 2 */
} stele_projection_name;

/** @return false: it is no "<projection>.v<n>", n from 1, written without leading zeros */
bool stele_projection_group_parse(stele_bytes group, stele_projection_name *out);

/**
 * @param out  may be NULL
 * @return view of the group in the name of a snapshots topic; no data: it is another topic
 */
stele_bytes stele_snapshots_topic_parse(const char *topic, stele_projection_name *out);

/** Does the group belong to what a user calls `projection`: its name, or its name with a version,
 * or the name of reactions? */
bool stele_projection_group_is_of(const char *group, const char *projection);

/* ---- transactional ids and keys ---- */

char *stele_transactional_id(const char *group, const char *topic, int32_t partition);

/** Of the writer that owns the partition of an aggregate's events. */
char *stele_writer_transactional_id(const char *aggregate, int32_t partition);

/** What the record of a partition's owner has as its key. */
char *stele_owner_key(const char *topic, int32_t partition);

/** @param topic  view into `key` @return false: it is no such key */
bool stele_owner_key_parse(stele_bytes key, stele_bytes *topic, int32_t *partition);

/** "<topic>/<partition>/<offset>", as positions are printed everywhere. */
typedef struct stele_position_text {
    char text[288];
} stele_position_text;

stele_position_text stele_position_format(const char *topic, int32_t partition, int64_t offset);

/**
 * Take one apart.
 *
 * @param topic  view into `text` @return false: it is no position
 */
bool stele_position_parse(stele_bytes text, stele_bytes *topic, int32_t *partition,
                          int64_t *offset);

char *stele_status_key(const char *group, const char *topic, int32_t partition);

/** A key of _stele.status, taken apart in place: its slashes become NULs. */
typedef struct stele_status_row {
    const char *group;
    const char *topic;
    int32_t partition;
} stele_status_row;

bool stele_status_key_parse(char *key, stele_status_row *out);

char *stele_checkpoint_key(const char *topic, int32_t partition);

/** @param topic  view into `key` @return false: it is not the key of a checkpoint */
bool stele_checkpoint_key_parse(stele_bytes key, stele_bytes *topic, int32_t *partition);

/** How far the commands of a partition are read. @param topic  of the commands */
char *stele_commands_key(const char *topic, int32_t partition);

/** Is this the key of such a record, whatever the topic? */
bool stele_commands_key_is(stele_bytes key);

/** Of the record of an event that a projection has set aside. */
char *stele_dead_key(const char *topic, int32_t partition, int64_t offset);

/** Does it begin as one? */
bool stele_dead_key_is(stele_bytes key);

/** @param topic  view into `key` @return false: it is no such key */
bool stele_dead_key_parse(stele_bytes key, stele_bytes *topic, int32_t *partition, int64_t *offset);

/** Is it that of the order that no event is applied? */
bool stele_pause_key_is(stele_bytes key);

/** Is it that of the record that says that a projection begins again? */
bool stele_reset_key_is(stele_bytes key);

/** May this be a part of the names above: letters, digits and those of `others`, `max` at most, the
 * first neither `_` nor `.`? NULL may not. */
bool stele_name_is_valid(const char *name, const char *others, size_t max);

#endif
