/* SPDX-License-Identifier: MIT
 * Formatting in two steps: as printf does it; and if that is too long, piece by piece, with a size
 * for the inserted texts that makes the whole fit. */
#include "core/message.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { PIECES_MAX = 64, NUMBERS_MAX = 1024, DIRECTIVE_MAX = 24, MARK_SIZE = 3 };

static const char mark[] = "…";

/* A run of the message: words of the format, a number, or a text that was inserted. */
typedef struct piece {
    const char *data;
    size_t size;
    bool is_inserted;
} piece;

typedef struct message {
    piece pieces[PIECES_MAX];
    size_t count;
    char numbers[NUMBERS_MAX]; /* what the numbers became */
    size_t numbers_used;
    va_list arguments;
} message;

static void add(message *m, const char *data, size_t size, bool is_inserted)
{
    if (size == 0 || m->count == PIECES_MAX) return;
    m->pieces[m->count++] = (piece){data, size, is_inserted};
}

static bool is_continuation(char c)
{
    return ((unsigned char)c & 0xC0) == 0x80;
}

/* `size` or a little less, so that `data` does not end within a character there. */
static size_t whole_characters(const char *data, size_t size)
{
    while (size > 0 && is_continuation(data[size]))
        size--;
    return size;
}

/* What follows a '%': the parts of a directive that decide what is taken from the arguments. */
typedef struct directive {
    char text[DIRECTIVE_MAX]; /* with the values of '*' in it */
    int precision;            /* -1: none */
    char length[3];           /* "", "hh", "h", "l", "ll", "z", "j", "t" */
    char kind;
} directive;

static void extend(directive *d, const char *text)
{
    size_t used = strlen(d->text);
    size_t size = strlen(text);
    if (used + size >= sizeof d->text) return;
    memcpy(d->text + used, text, size + 1);
}

/* Takes flags, width or precision from `*at` on. @return the value of a '*', else -1 */
static int take_numbers(message *m, const char **at, directive *d)
{
    int value = -1;
    for (; **at != '\0' && strchr("-+ #0123456789*", **at) != NULL; ++*at) {
        char text[16] = {**at, '\0'};
        if (**at == '*') {
            value = va_arg(m->arguments, int);
            snprintf(text, sizeof text, "%d", value);
        } else if (**at >= '0' && **at <= '9') {
            value = (value < 0 ? 0 : value * 10) + (**at - '0');
        }
        extend(d, text);
    }
    return value;
}

static directive take_directive(message *m, const char **at)
{
    directive d = {.text = "%", .precision = -1};
    take_numbers(m, at, &d);
    if (**at == '.') {
        ++*at;
        extend(&d, ".");
        int value = take_numbers(m, at, &d);
        d.precision = value < 0 ? 0 : value;
    }
    for (size_t i = 0; i < 2 && **at != '\0' && strchr("hlzjt", **at) != NULL; i++)
        d.length[i] = *(*at)++;
    d.kind = **at;
    if (d.kind != '\0') ++*at;
    const char kind[] = {d.kind, '\0'};
    extend(&d, d.length);
    extend(&d, kind);
    return d;
}

static void add_text(message *m, const directive *d)
{
    const char *text = va_arg(m->arguments, const char *);
    if (text == NULL) text = "(null)";
    size_t size = d->precision < 0 ? strlen(text) : strnlen(text, (size_t)d->precision);
    add(m, text, size, true);
}

/* The directive is one of the format, which the compiler has checked where it was written. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
static int print_number(message *m, const directive *d, char *place, size_t room)
{
    bool is_signed = strchr("dic", d->kind) != NULL;
    if (strchr("eEfFgGaA", d->kind) != NULL)
        return snprintf(place, room, d->text, va_arg(m->arguments, double));
    if (d->kind == 'p') return snprintf(place, room, d->text, va_arg(m->arguments, void *));
    if (strcmp(d->length, "z") == 0 || strcmp(d->length, "t") == 0)
        return snprintf(place, room, d->text, va_arg(m->arguments, size_t));
    if (strcmp(d->length, "j") == 0)
        return snprintf(place, room, d->text, va_arg(m->arguments, uintmax_t));
    if (strcmp(d->length, "ll") == 0)
        return snprintf(place, room, d->text, va_arg(m->arguments, unsigned long long));
    if (strcmp(d->length, "l") == 0)
        return snprintf(place, room, d->text, va_arg(m->arguments, unsigned long));
    if (is_signed) return snprintf(place, room, d->text, va_arg(m->arguments, int));
    return snprintf(place, room, d->text, va_arg(m->arguments, unsigned));
}
#pragma GCC diagnostic pop

static void add_number(message *m, const directive *d)
{
    char *place = m->numbers + m->numbers_used;
    size_t room = sizeof m->numbers - m->numbers_used;
    int size = print_number(m, d, place, room);
    if (size < 0) return;
    size_t kept = (size_t)size < room ? (size_t)size : room - 1;
    m->numbers_used += kept;
    add(m, place, kept, false);
}

static void take_apart(message *m, const char *format)
{
    while (*format != '\0') {
        size_t words = strcspn(format, "%");
        add(m, format, words, false);
        format += words;
        if (*format == '\0') return;
        format++;
        directive d = take_directive(m, &format);
        if (d.kind == '%')
            add(m, "%", 1, false);
        else if (d.kind == 's')
            add_text(m, &d);
        else
            add_number(m, &d);
    }
}

/* The most that each inserted text may take, so that all of it fits into `room`. */
static size_t share_of(const message *m, size_t room)
{
    size_t inserted = 0;
    for (size_t i = 0; i < m->count; i++) {
        if (m->pieces[i].is_inserted)
            inserted++;
        else
            room -= m->pieces[i].size < room ? m->pieces[i].size : room;
    }
    size_t share = inserted == 0 ? 0 : room / inserted;
    /* What is shorter than its share leaves the rest of that to the longer ones. */
    for (;;) {
        size_t left = room, longer = 0;
        for (size_t i = 0; i < m->count; i++) {
            if (!m->pieces[i].is_inserted) continue;
            if (m->pieces[i].size <= share)
                left -= m->pieces[i].size;
            else
                longer++;
        }
        if (longer == 0 || left / longer <= share) return share;
        share = left / longer;
    }
}

static size_t put(char *room, size_t used, size_t size, const char *data, size_t data_size)
{
    size_t kept = data_size < size - used ? data_size : size - used;
    memcpy(room + used, data, kept);
    return used + kept;
}

/* A text without its middle, in at most `share` bytes. */
static size_t put_shortened(char *room, size_t used, size_t size, const piece *p, size_t share)
{
    if (p->size <= share) return put(room, used, size, p->data, p->size);
    if (share < MARK_SIZE) return used;
    size_t kept = share - MARK_SIZE;
    size_t head = whole_characters(p->data, kept - kept / 2);
    size_t tail = p->size - kept / 2;
    while (tail < p->size && is_continuation(p->data[tail]))
        tail++;
    used = put(room, used, size, p->data, head);
    used = put(room, used, size, mark, MARK_SIZE);
    return put(room, used, size, p->data + tail, p->size - tail);
}

/* The last resort: words that are too long by themselves. */
static void end_whole(char *room, size_t used, size_t size)
{
    room[used] = '\0';
    if (used + 1 < size) return;
    size_t lead = used;
    while (lead > 0 && used - lead < 3 && is_continuation(room[lead - 1]))
        lead--;
    if (lead == 0) return;
    unsigned char first = (unsigned char)room[lead - 1];
    size_t expected = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : first >= 0xC0 ? 2 : 1;
    if (used - (lead - 1) < expected) room[lead - 1] = '\0';
}

void stele_message_vformat(char *room, size_t size, const char *format, va_list arguments)
{
    va_list copy;
    va_copy(copy, arguments);
    int printed = vsnprintf(room, size, format, copy);
    va_end(copy);
    if (printed < 0) room[0] = '\0';
    if (printed < 0 || (size_t)printed < size) return;

    message m;
    m.count = 0;
    m.numbers_used = 0;
    va_copy(m.arguments, arguments);
    take_apart(&m, format);
    va_end(m.arguments);
    size_t share = share_of(&m, size - 1);
    size_t used = 0;
    for (size_t i = 0; i < m.count; i++) {
        const piece *p = &m.pieces[i];
        used = p->is_inserted ? put_shortened(room, used, size - 1, p, share)
                              : put(room, used, size - 1, p->data, p->size);
    }
    end_whole(room, used, size);
}

void stele_message_format(char *room, size_t size, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    stele_message_vformat(room, size, format, arguments);
    va_end(arguments);
}
