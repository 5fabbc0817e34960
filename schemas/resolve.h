/* SPDX-License-Identifier: MIT
 * Which part of a reader's schema reads which part of a writer's, as the readers of Avro Java
 * 1.11.4 decide it (org.apache.avro.Resolver, Schema.applyAliases). */
#ifndef STELE_SCHEMAS_RESOLVE_H
#define STELE_SCHEMAS_RESOLVE_H

#include "core/table.h"
#include "schemas/model.h"

/** One writer and one reader. */
typedef struct stele_resolver {
    stele_table *types;         /* alias of a reader's type -> that const stele_node * */
    stele_table *alias_records; /* name or alias of a reader's record -> the record, if its fields
                                   have aliases */
    stele_table *alias_fields;  /* record and alias -> index of the field */
    stele_table *matches;       /* pair of records -> whether their fields go together */
    stele_table *alike;         /* the same for being alike; only while two unions are compared */
    size_t steps_left;          /* pairs that may be looked at: schemas from outside choose them */
    unsigned depth_left;        /* records within one another, for the same reason */
} stele_resolver;

/** Collect the reader's aliases. */
void stele_resolver_init(stele_resolver *resolver, const stele_node *reader);

void stele_resolver_clear(stele_resolver *resolver);

/** Forget the aliases, for a writer that is the reader itself. */
void stele_resolver_drop_aliases(stele_resolver *resolver);

/** Has it looked at more pairs than it may? Then its answers mean nothing. */
bool stele_resolver_is_spent(const stele_resolver *resolver);

/** A name of the writer's, by the reader's alias for it: full, and without the namespace. */
const char *stele_resolve_full_name(const stele_resolver *resolver, const stele_node *writer);
const char *stele_resolve_short_name(const stele_resolver *resolver, const stele_node *writer);

/** The name of the writer's field, by the alias of the reader's record of the same name. */
const char *stele_resolve_field_name(const stele_resolver *resolver, const stele_node *writer,
                                     size_t field);

/** May a writer's type be read as another one by promotion? (specification, "Schema Resolution") */
bool stele_resolve_promotes(stele_kind writer, stele_kind reader);

/** Do named types other than records go together: name without namespace, and size? */
bool stele_resolve_names_match(const stele_resolver *resolver, const stele_node *writer,
                               const stele_node *reader);

/** Two decimals of another scale or precision: the same bytes would be another number. */
bool stele_resolve_decimals_differ(const stele_node *writer, const stele_node *reader);

/** The reader's branch that reads `writer`, which is no union; -1 if there is none. */
int64_t stele_resolve_branch(stele_resolver *resolver, const stele_node *writer,
                             const stele_node *reader_union);

/** Are two unions alike, so that branch goes with branch by index? */
bool stele_resolve_unions_alike(stele_resolver *resolver, const stele_node *writer,
                                const stele_node *reader);

/** The first field of the reader's record that the writer lacks and that has no default; -1: none.
 */
int64_t stele_resolve_missing_field(const stele_resolver *resolver, const stele_node *writer,
                                    const stele_node *reader);

#endif
