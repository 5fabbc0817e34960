/* SPDX-License-Identifier: MIT
 * Steps, and their record. */
#include "aggregates/inbox.h"

#include <assert.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"
#include "core/text.h"

static void clear_step(stele_inbox_step *step)
{
    stele_buffer_clear(&step->witness);
    free(step->dead);
}

void stele_inbox_clear(stele_inbox *inbox)
{
    stele_inbox_drop_last(inbox, inbox->count);
    free(inbox->steps);
    stele_senders_clear(&inbox->senders);
    *inbox = (stele_inbox){0};
}

/* ---- steps ---- */

stele_inbox_step *stele_inbox_add(stele_inbox *inbox, int64_t offset)
{
    if (inbox->count == inbox->capacity) {
        inbox->capacity = inbox->capacity == 0 ? 4 : 2 * inbox->capacity;
        inbox->steps = stele_realloc_array(inbox->steps, inbox->capacity, sizeof *inbox->steps);
    }
    stele_inbox_step *step = &inbox->steps[inbox->count++];
    *step = (stele_inbox_step){.from = offset, .next = offset + 1};
    return step;
}

void stele_inbox_extend(stele_inbox_step *step, int64_t offset)
{
    assert(offset >= step->next);
    step->next = offset + 1;
}

void stele_inbox_add_dead(stele_inbox_step *step, int64_t offset)
{
    step->dead = stele_realloc_array(step->dead, step->dead_count + 1, sizeof *step->dead);
    step->dead[step->dead_count++] = offset;
}

void stele_inbox_drop_first(stele_inbox *inbox, size_t count)
{
    assert(count <= inbox->count);
    if (count == 0) return;
    for (size_t i = 0; i < count; i++)
        clear_step(&inbox->steps[i]);
    inbox->count -= count;
    memmove(inbox->steps, inbox->steps + count, inbox->count * sizeof *inbox->steps);
}

void stele_inbox_drop_last(stele_inbox *inbox, size_t count)
{
    assert(count <= inbox->count);
    for (size_t i = 0; i < count; i++)
        clear_step(&inbox->steps[--inbox->count]);
}

int64_t stele_inbox_from(const stele_inbox *inbox)
{
    return inbox->count == 0 ? inbox->next : inbox->steps[0].from;
}

int64_t stele_inbox_read_from(const stele_inbox *inbox)
{
    int64_t from = stele_inbox_from(inbox);
    return inbox->senders.count > 0 && inbox->senders.from < from ? inbox->senders.from : from;
}

bool stele_inbox_has(const int64_t *sorted, size_t count, int64_t offset)
{
    size_t low = 0;
    for (size_t high = count; low < high;) {
        size_t middle = low + (high - low) / 2;
        if (sorted[middle] < offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && sorted[low] == offset;
}

/* A dead letter that is there comes first, for the record that goes with it may be what was lost.
 * What lies between two steps was found to be taken when they were. */
stele_inbox_verdict stele_inbox_judge(const stele_inbox *inbox, int64_t offset,
                                      const int64_t *found, size_t found_count)
{
    if (stele_inbox_has(found, found_count, offset)) return STELE_INBOX_TAKEN;
    if (offset >= inbox->next) return STELE_INBOX_OPEN;
    for (size_t i = 0; i < inbox->count; i++) {
        const stele_inbox_step *step = &inbox->steps[i];
        if (offset < step->from || offset >= step->next) continue;
        if (step->is_lost) return STELE_INBOX_OPEN;
        bool is_dead = stele_inbox_has(step->dead, step->dead_count, offset);
        return is_dead ? STELE_INBOX_REFUSED : STELE_INBOX_TAKEN;
    }
    return STELE_INBOX_TAKEN;
}

/* ---- the record ---- */

static void write_witness(const stele_inbox_step *step, stele_buffer *out)
{
    char event[STELE_UUID_TEXT_SIZE + 1];
    stele_uuid_format(&step->event, event);
    stele_buffer_format(out, ",\"aggregate\":");
    stele_show_json(out, stele_buffer_view(&step->witness));
    /* What was lost is never there, whatever comes after it. */
    stele_buffer_format(out, ",\"version\":%" PRId64 ",\"event\":\"%s\"",
                        step->is_lost ? INT64_MAX : step->version, event);
    if (step->ends && !step->is_lost) stele_buffer_format(out, ",\"ends\":true");
}

/* @param from  what is before it is not of interest any more */
static void write_step(const stele_inbox_step *step, int64_t from, stele_buffer *out)
{
    if (from < step->from) from = step->from;
    stele_buffer_format(out, "{\"from\":%" PRId64 ",\"next\":%" PRId64, from, step->next);
    if (step->witness.size > 0) write_witness(step, out);
    bool has_dead = false;
    for (size_t i = 0; i < step->dead_count; i++) {
        if (step->dead[i] < from) continue;
        stele_buffer_format(out, "%s%" PRId64, has_dead ? "," : ",\"dead\":[", step->dead[i]);
        has_dead = true;
    }
    stele_buffer_format(out, has_dead ? "]}" : "}");
}

void stele_inbox_write(const stele_inbox *inbox, const stele_inbox *rest, stele_buffer *out)
{
    int64_t next = rest->next > inbox->next ? rest->next : inbox->next;
    bool is_first = true;
    stele_buffer_format(out,
                        "{\"next\":%" PRId64 ",\"dead_from\":%" PRId64 ",\"events_from\":%" PRId64
                        ",\"steps\":[",
                        next, inbox->dead_from, inbox->events_from);
    for (size_t i = 0; i < inbox->count; i++) {
        if (!is_first) stele_buffer_push(out, ',');
        write_step(&inbox->steps[i], 0, out);
        is_first = false;
    }
    for (size_t i = 0; i < rest->count; i++) {
        if (rest->steps[i].next <= inbox->next) continue;
        if (!is_first) stele_buffer_push(out, ',');
        write_step(&rest->steps[i], inbox->next, out);
        is_first = false;
    }
    stele_buffer_push(out, ']');
    stele_senders_write(&inbox->senders, out);
    stele_buffer_push(out, '}');
}

static bool read_number(const json_t *of, const char *name, int64_t *out)
{
    const json_t *value = json_object_get(of, name);
    *out = json_integer_value(value);
    return json_is_integer(value) && *out >= 0;
}

static bool read_witness(const json_t *of, const json_t *witness, stele_inbox_step *out)
{
    const json_t *event = json_object_get(of, "event");
    if (!json_is_string(witness) || !read_number(of, "version", &out->version) ||
        !json_is_string(event) ||
        stele_uuid_parse(stele_text(json_string_value(event)), &out->event, NULL) < 0)
        return false;
    const stele_bytes id = stele_bytes_of(json_string_value(witness), json_string_length(witness));
    stele_buffer_append(&out->witness, id);
    out->ends = json_is_true(json_object_get(of, "ends"));
    return true;
}

static bool read_step(const json_t *of, stele_inbox *out)
{
    int64_t from, next;
    if (!read_number(of, "from", &from) || !read_number(of, "next", &next) || from >= next)
        return false;
    stele_inbox_step *step = stele_inbox_add(out, from);
    step->next = next;
    const json_t *witness = json_object_get(of, "aggregate");
    if (witness != NULL && !read_witness(of, witness, step)) return false;
    const json_t *dead = json_object_get(of, "dead");
    for (size_t i = 0; i < json_array_size(dead); i++)
        stele_inbox_add_dead(step, json_integer_value(json_array_get(dead, i)));
    return true;
}

static bool read_senders(const json_t *of, stele_senders *out)
{
    const char *name;
    json_t *number;
    json_t *all = json_object_get(of, "senders");
    if (all == NULL) return true;
    if (!json_is_object(all) || !read_number(of, "senders_from", &out->from)) return false;
    json_object_foreach(all, name, number)
    {
        if (!json_is_integer(number)) return false;
        stele_senders_add(out, stele_text(name), json_integer_value(number));
    }
    return true;
}

bool stele_inbox_read(stele_bytes json, stele_inbox *out)
{
    STELE_AUTO_VALUE(stele_inbox) read = {0};
    json_t *of = json_loadb((const char *)json.data, json.size, JSON_ALLOW_NUL, NULL);
    const json_t *steps = json_object_get(of, "steps");
    bool is_fine = read_number(of, "next", &read.next) &&
                   read_number(of, "dead_from", &read.dead_from) && json_is_array(steps);
    /* Records of before it was written down: it may be anywhere. */
    if (json_object_get(of, "events_from") != NULL)
        is_fine = is_fine && read_number(of, "events_from", &read.events_from);
    for (size_t i = 0; is_fine && i < json_array_size(steps); i++)
        is_fine = read_step(json_array_get(steps, i), &read);
    is_fine = is_fine && read_senders(of, &read.senders);
    json_decref(of);
    if (!is_fine) return false;
    *out = read;
    read = (stele_inbox){0};
    return true;
}
