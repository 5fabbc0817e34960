/* SPDX-License-Identifier: MIT
 * Messages for people in a room of fixed size. What a message inserts (names, keys, paths, the text
 * of another failure) may be long; its own words, and with them the way out, are never cut. */
#ifndef STELE_CORE_MESSAGE_H
#define STELE_CORE_MESSAGE_H

#include <stdarg.h>
#include <stddef.h>

#include <stele/visibility.h>

/**
 * As snprintf. But where the message is longer than its room, the longest of the texts inserted by
 * %s are shortened in their middle ("custo…ents"), as many of them and as far as it takes, and all
 * else stays whole. Nothing ends within a UTF-8 character. This is what stele_fail does; use it
 * for every part of a message that is made in a buffer of its own.
 *
 * @param size  of the room, NUL included; at least 1
 */
void stele_message_format(char *room, size_t size, const char *format, ...) STELE_PRINTF(3, 4);

/** The same for a function that has such arguments itself; `arguments` is left as it was. */
void stele_message_vformat(char *room, size_t size, const char *format, va_list arguments);

#endif
