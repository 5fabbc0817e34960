/* SPDX-License-Identifier: MIT
 * Dates and times as ISO 8601 text and as the numbers that Avro keeps: days, or milli-, micro- and
 * nanoseconds, from 1970-01-01T00:00:00. Proleptic Gregorian, no leap seconds, no time zones but
 * offsets, nothing of the C library's calendar. */
#ifndef STELE_CORE_DATE_H
#define STELE_CORE_DATE_H

#include <stdint.h>

#include <stele/bytes.h>
#include <stele/error.h>

/** What a time counts; the value is the number of digits after the second. */
typedef enum stele_time_unit {
    STELE_TIME_MILLIS = 3,
    STELE_TIME_MICROS = 6,
    STELE_TIME_NANOS = 9
} stele_time_unit;

/** Room for the longest text of any format here, without the NUL. */
enum { STELE_DATE_TEXT_MAX = 47 };

/*
 * Parsing is as in core/text.h: all of the text or STELE_E_INVALID with next = REJECT. A year has
 * four digits, or a sign and more. Digits below the unit are refused unless they are zero, for
 * nothing is rounded. What does not fit the number is refused.
 */

/** A date like 1997-01-18, as days. */
stele_status stele_parse_date(stele_bytes text, int32_t *days, stele_error *err);

/** A time of day like 09:30, 09:30:15 or 09:30:15.250, in `unit`s since midnight. */
stele_status stele_parse_time(stele_bytes text, stele_time_unit unit, int64_t *since_midnight,
                              stele_error *err);

/**
 * A moment like 2024-05-01T09:30:00Z or 2024-05-01 11:30:00.5+02:00, in `unit`s. The offset is
 * required: without it the moment is not known.
 */
stele_status stele_parse_timestamp(stele_bytes text, stele_time_unit unit, int64_t *value,
                                   stele_error *err);

/** A date and time without an offset, like 2024-05-01T09:30:00, as if it were UTC. */
stele_status stele_parse_local_timestamp(stele_bytes text, stele_time_unit unit, int64_t *value,
                                         stele_error *err);

/** The text of any number of days. */
void stele_format_date(int32_t days, char text[STELE_DATE_TEXT_MAX + 1]);

/** HH:MM:SS with all digits of the unit. Past a day the hours go on, below zero it has a sign. */
void stele_format_time(int64_t since_midnight, stele_time_unit unit,
                       char text[STELE_DATE_TEXT_MAX + 1]);

/** The text of any moment, with all digits of the unit and Z. */
void stele_format_timestamp(int64_t value, stele_time_unit unit,
                            char text[STELE_DATE_TEXT_MAX + 1]);

/** The same without Z. */
void stele_format_local_timestamp(int64_t value, stele_time_unit unit,
                                  char text[STELE_DATE_TEXT_MAX + 1]);

#endif
