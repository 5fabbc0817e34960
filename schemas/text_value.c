/* SPDX-License-Identifier: MIT
 * Cells to fields. The texts of scalars are those of plain JSON, but for what spreadsheets do to
 * booleans and to what is missing. */
#include "schemas/text_value.h"

#include <string.h>
#include <strings.h>

#include "core/alloc.h"
#include "core/text.h"
#include "schemas/json_form.h"
#include "schemas/scalar_text.h"

const stele_member *stele_text_value_find(const stele_type *type, stele_bytes name)
{
    for (uint32_t i = 0; i < type->layout->count; i++) {
        const stele_member *member = &type->layout->members[i];
        if (stele_bytes_equal(stele_text(member->name), name)) return member;
    }
    return NULL;
}

static bool is_missing(stele_bytes cell)
{
    return cell.size == 0 || stele_bytes_equal(cell, stele_text("NA"));
}

static bool is_word(stele_bytes cell, const char *word, const char *digit)
{
    return stele_bytes_equal(cell, stele_text(digit)) ||
           (cell.size == strlen(word) &&
            strncasecmp((const char *)cell.data, word, cell.size) == 0);
}

static stele_status set_boolean(stele_bytes cell, bool *out, stele_error *err)
{
    bool yes = is_word(cell, "true", "1");
    if (!yes && !is_word(cell, "false", "0")) {
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_REJECT, "%s is not true or false",
                          stele_quote(cell).text);
    }
    *out = yes;
    return STELE_OK;
}

static stele_status set_value(const stele_layout *layout, stele_bytes cell, bool quoted,
                              uint8_t *value, stele_arena *arena, stele_error *err);

/* The index of the null branch; the count of branches if there is none. */
static uint32_t null_branch(const stele_layout *layout)
{
    uint32_t i = 0;
    while (i < layout->count && layout->members[i].layout != NULL)
        i++;
    return i;
}

static stele_status choose_branch(uint32_t branch, uint8_t *value)
{
    int32_t index = (int32_t)branch;
    memcpy(value, &index, sizeof index);
    return STELE_OK;
}

static stele_status set_union(const stele_layout *layout, stele_bytes cell, bool quoted,
                              uint8_t *value, stele_arena *arena, stele_error *err)
{
    uint32_t null = null_branch(layout);
    bool may_be_null = null < layout->count && is_missing(cell);
    for (uint32_t i = 0; i < layout->count && (quoted || !may_be_null); i++) {
        const stele_member *branch = &layout->members[i];
        if (i == null) continue;
        memset(value, 0, layout->size);
        if (set_value(branch->layout, cell, quoted, value + branch->offset, arena, err) < 0)
            continue;
        return choose_branch(i, value);
    }
    memset(value, 0, layout->size);
    if (may_be_null) return choose_branch(null, value);
    return stele_fail(err, STELE_E_INVALID, STELE_NEXT_REJECT, "%s fits no branch of the union",
                      stele_quote(cell).text);
}

static stele_status set_value(const stele_layout *layout, stele_bytes cell, bool quoted,
                              uint8_t *value, stele_arena *arena, stele_error *err)
{
    switch (layout->kind) {
    case STELE_KIND_NULL:
        if (is_missing(cell)) return STELE_OK;
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_REJECT, "%s is not empty",
                          stele_quote(cell).text);
    case STELE_KIND_BOOLEAN:
        return set_boolean(cell, (bool *)value, err);
    case STELE_KIND_UNION:
        return set_union(layout, cell, quoted, value, arena, err);
    case STELE_KIND_RECORD:
    case STELE_KIND_ARRAY:
    case STELE_KIND_MAP:
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_REJECT,
                          "a cell cannot hold a value of type %s; use JSON",
                          stele_json_branch_name(layout));
    default:
        break;
    }
    if (cell.size == 0 && layout->kind != STELE_KIND_STRING && layout->kind != STELE_KIND_BYTES) {
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_REJECT,
                          "the cell is empty and the field cannot be null");
    }
    return stele_scalar_read(layout, cell, value, arena, err);
}

stele_status stele_text_value_set(const stele_member *member, stele_bytes cell, bool quoted,
                                  void *record, stele_arena *arena, stele_error *err)
{
    uint8_t *place = (uint8_t *)record + member->offset;
    stele_error inner;
    bool optional = member->flag_offset != STELE_NO_FLAG;
    bool null = optional && is_missing(cell) && !quoted;
    stele_status status =
        null ? STELE_OK : set_value(member->layout, cell, quoted, place, arena, &inner);
    if (status < 0 && optional && is_missing(cell)) {
        null = true;
        status = STELE_OK;
    }
    if (null) memset(place, 0, member->pointer ? sizeof(void *) : member->layout->size);
    if (optional) *((bool *)record + member->flag_offset) = !null;
    if (status == STELE_OK) return STELE_OK;
    return stele_fail(err, status, inner.next, "%s: %s", member->name, inner.text);
}
