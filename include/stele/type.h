/* SPDX-License-Identifier: MIT
 * How a value of an Avro type lies in memory. The code generator writes these tables as constants
 * beside the structs; stele_type_new makes them at run time for callers without generated code.
 *
 * Avro                     C
 * boolean                  bool
 * int, date, time-millis   int32_t
 * long, time-micros,
 * timestamp-*, local-*     int64_t
 * float, double            float, double
 * string, bytes, uuid      stele_bytes (a view when decoded, owned in an owned value)
 * fixed(n)                 uint8_t[n]
 * decimal, precision <= 18 int64_t, unscaled, for bytes and fixed alike
 * decimal, wider           as bytes or fixed: two's complement, big-endian
 * duration                 struct { uint32_t months, days, millis; }
 * enum                     int32_t, the symbol's index in the type's own schema
 * array                    struct { size_t count; T *items; }
 * map                      struct { size_t count; struct { stele_bytes key; T value; } *entries; }
 * record                   the struct, in place; by pointer where records contain one another
 *                          other than by way of an array or map
 * null|T or T|null         bool has_x; T x;  as an item: struct { bool has_value; T value; }
 * any other union          struct { int32_t branch; union { … } as; }, branch is the index in the
 *                          schema; null has no member
 * null elsewhere           uint8_t, always 0
 * a record, no fields      one uint8_t, as C has no empty struct
 */
#ifndef STELE_TYPE_H
#define STELE_TYPE_H

#include <stele/arena.h>
#include <stele/schema.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum stele_kind {
    STELE_KIND_NULL = 0,
    STELE_KIND_BOOLEAN,
    STELE_KIND_INT,
    STELE_KIND_LONG,
    STELE_KIND_FLOAT,
    STELE_KIND_DOUBLE,
    STELE_KIND_BYTES,
    STELE_KIND_STRING,
    STELE_KIND_FIXED,
    STELE_KIND_ENUM,
    STELE_KIND_ARRAY,
    STELE_KIND_MAP,
    STELE_KIND_RECORD,
    STELE_KIND_UNION
} stele_kind;

typedef enum stele_logical {
    STELE_LOGICAL_NONE = 0,
    STELE_LOGICAL_DECIMAL,
    STELE_LOGICAL_UUID,
    STELE_LOGICAL_DATE,
    STELE_LOGICAL_TIME_MILLIS,
    STELE_LOGICAL_TIME_MICROS,
    STELE_LOGICAL_TIMESTAMP_MILLIS,
    STELE_LOGICAL_TIMESTAMP_MICROS,
    STELE_LOGICAL_TIMESTAMP_NANOS,
    STELE_LOGICAL_LOCAL_TIMESTAMP_MILLIS,
    STELE_LOGICAL_LOCAL_TIMESTAMP_MICROS,
    STELE_LOGICAL_LOCAL_TIMESTAMP_NANOS,
    STELE_LOGICAL_DURATION
} stele_logical;

/** In-memory shapes that are the same for every element type. */
typedef struct stele_array {
    size_t count;
    void *items;
} stele_array;

typedef struct stele_map {
    size_t count;
    void *entries;
} stele_map;

typedef struct stele_duration {
    uint32_t months;
    uint32_t days;
    uint32_t millis;
} stele_duration;

/** STELE_NO_FLAG: the member is not optional. */
#define STELE_NO_FLAG UINT32_MAX

typedef struct stele_layout stele_layout;

/** A field of a record, or a branch of a union. */
typedef struct stele_member {
    const char *name;           /* the field's name; of a branch: the type's name */
    const stele_layout *layout; /* of the value; for null|T that of T; NULL for the branch null */
    uint32_t offset; /* of the value in the struct (record) or after its start (union: of `as`) */
    uint32_t flag_offset; /* of `has_x`, or STELE_NO_FLAG */
    bool null_first;      /* optional only: the schema says null|T, not T|null */
    bool pointer;         /* the struct holds a pointer to the value, because it recurs */
    bool recurs; /* by way of an array or map: a type that this member is part of; a level deeper */
    uint8_t plain; /* for speed: the kind of a value that is always there, in place, and in the C
                      form that is no decimal's or duration's; STELE_KIND_NULL for any other */
    uint8_t run;   /* fields of the same `plain` that follow one another, this one included */
    const char *standard; /* a field's default as it is in the schema, JSON; NULL: none */
} stele_member;

/** The memory of one Avro type. Constant; recursive types point back. */
struct stele_layout {
    stele_kind kind;
    stele_logical logical;
    uint32_t size;       /* sizeof the C type */
    uint32_t align;      /* _Alignof the C type */
    const char *name;    /* full name of a record, enum or fixed; else NULL */
    uint32_t fixed_size; /* fixed: bytes on the wire */
    uint32_t precision;  /* decimal */
    uint32_t scale;      /* decimal */
    uint32_t count;      /* members of a record or union, symbols of an enum */
    const stele_member *members;
    const char *const *symbols;
    const stele_member *item; /* array: the item, `offset` in sizeof-strides from the item's start;
                                 map: the value, `offset` in the entry */
    uint32_t stride;          /* array, map: sizeof one item or entry */
};

typedef struct stele_type stele_type;

/** A record type: layout, schema, and the straight-line code of the generator where there is any.
 */
struct stele_type {
    const char *name;           /* full name: "shop.Purchase" */
    const char *schema;         /* JSON text, self-contained */
    const stele_layout *layout; /* of the record */

    /* Generated code for this very schema; NULL in types made at run time. */
    stele_status (*encode)(const void *value, stele_buffer *out, stele_error *err);
    stele_status (*decode)(stele_bytes data, void *value, stele_arena *arena, stele_error *err);
    const char *abi; /* generated code: &stele_abi_1; else NULL */
};

/**
 * What generated code is made for: these tables, and the functions of <stele/generated.h>. The
 * number goes up with each change of one that is compiled into a program. So what was compiled for
 * another version does not link, instead of reading the wrong bytes: compile it again.
 */
STELE_API extern const char stele_abi_1;

/**
 * A type without generated code. Its top may be of any kind; a union at the top is always the
 * struct with a branch, also where it is null|T.
 *
 * @param out  caller owns; release with stele_type_free
 * @return STELE_E_LIMIT  a value would take more than 16 MiB (next = REJECT)
 */
STELE_API stele_status stele_type_new(const stele_schema *schema, stele_type **out,
                                      stele_error *err);

/** Release a type made by stele_type_new. NULL is fine; never a generated one. */
STELE_API void stele_type_free(stele_type *type);

/*
 * Owned values: strings, arrays, maps and recursive records belong to the value itself, each from
 * malloc. A state is one. All zero is the empty value of every type.
 */

/** Release what an owned value owns, and make it all zero. */
STELE_API void stele_value_clear(const stele_type *type, void *value);

/** Make `to` an owned copy of `from`, which may be decoded or owned. What `to` held is released. */
STELE_API void stele_value_copy(const stele_type *type, void *to, const void *from);

/** Equal as Avro values: maps in any order, NaN equals NaN. */
STELE_API bool stele_value_equal(const stele_type *type, const void *a, const void *b);

/** Set an owned string or bytes field to a copy of `text`; what it held is released. */
STELE_API void stele_text_set(stele_bytes *field, stele_bytes text);

#ifdef __cplusplus
}
#endif

#endif
