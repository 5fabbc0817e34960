/* SPDX-License-Identifier: MIT
 * ISO 8601 text and counts since 1970. The calendar is Howard Hinnant's days_from_civil: years
 * begin in March, so that the leap day is the last of its year, in eras of 400 years. */
#include "core/date.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>

#include "core/text.h"

enum {
    ERA_YEARS = 400,
    ERA_DAYS = 146097,
    EPOCH_DAYS = 719468, /* from 0000-03-01 to 1970-01-01 */
    DAY_SECONDS = 86400,
    YEAR_DIGITS_MAX = 9
};

typedef struct civil_date {
    int64_t year;
    int month, day;
} civil_date;

/* What is left of a text that is being taken apart. */
typedef struct scanner {
    const uint8_t *at, *end;
} scanner;

static scanner scan(stele_bytes text)
{
    return (scanner){.at = text.data, .end = text.data == NULL ? NULL : text.data + text.size};
}

static bool take(scanner *s, char expected)
{
    if (s->at == s->end || *s->at != (uint8_t)expected) return false;
    s->at++;
    return true;
}

/* Between `least` and `most` digits, all that are there. */
static bool take_number(scanner *s, int least, int most, int64_t *number)
{
    int64_t value = 0;
    int digits = 0;
    for (; s->at < s->end && *s->at >= '0' && *s->at <= '9'; s->at++) {
        if (++digits > most) return false;
        value = value * 10 + (*s->at - '0');
    }
    *number = value;
    return digits >= least;
}

static bool take_two(scanner *s, int max, int *number)
{
    int64_t value;
    if (!take_number(s, 2, 2, &value) || value > max) return false;
    *number = (int)value;
    return true;
}

static int64_t floor_divide(int64_t dividend, int64_t divisor)
{
    return dividend / divisor - (dividend % divisor < 0);
}

static int64_t days_from_civil(civil_date date)
{
    int64_t year = date.month <= 2 ? date.year - 1 : date.year;
    int64_t era = floor_divide(year, ERA_YEARS);
    int64_t year_of_era = year - era * ERA_YEARS;
    int64_t month_from_march = (date.month + 9) % 12;
    int64_t day_of_year = (153 * month_from_march + 2) / 5 + date.day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * ERA_DAYS + day_of_era - EPOCH_DAYS;
}

static civil_date civil_from_days(int64_t days)
{
    days += EPOCH_DAYS;
    int64_t era = floor_divide(days, ERA_DAYS);
    int64_t day_of_era = days - era * ERA_DAYS;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month_from_march = (5 * day_of_year + 2) / 153;
    int month = (int)(month_from_march < 10 ? month_from_march + 3 : month_from_march - 9);
    return (civil_date){.year = year_of_era + era * ERA_YEARS + (month <= 2),
                        .month = month,
                        .day = (int)(day_of_year - (153 * month_from_march + 2) / 5 + 1)};
}

static int days_of_month(int64_t year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return month == 2 && is_leap ? 29 : days[month - 1];
}

/* [sign] year - month - day. A year of more than four digits has a sign, as in ISO 8601. */
static bool take_date(scanner *s, int64_t *days)
{
    bool is_negative = take(s, '-');
    bool is_signed = is_negative || take(s, '+');
    civil_date date;
    if (!take_number(s, 4, is_signed ? YEAR_DIGITS_MAX : 4, &date.year)) return false;
    if (is_negative) date.year = -date.year;
    if (!take(s, '-') || !take_two(s, 12, &date.month) || date.month < 1) return false;
    if (!take(s, '-') || !take_two(s, 31, &date.day) || date.day < 1) return false;
    if (date.day > days_of_month(date.year, date.month)) return false;
    *days = days_from_civil(date);
    return true;
}

typedef struct day_time {
    int64_t seconds;
    int64_t fraction; /* in units */
    bool is_exact;    /* nothing but zeros below the unit */
} day_time;

/* Digits after the second, as a count of units. */
static bool take_fraction(scanner *s, stele_time_unit unit, day_time *time)
{
    int digits = 0;
    for (; s->at < s->end && *s->at >= '0' && *s->at <= '9'; s->at++, digits++) {
        if (digits < (int)unit) {
            time->fraction = time->fraction * 10 + (*s->at - '0');
        } else if (*s->at != '0') {
            time->is_exact = false;
        }
    }
    for (int i = digits; i < (int)unit; i++)
        time->fraction *= 10;
    return digits > 0;
}

static bool take_time(scanner *s, stele_time_unit unit, day_time *time)
{
    int hours, minutes, seconds = 0;
    *time = (day_time){.is_exact = true};
    if (!take_two(s, 23, &hours) || !take(s, ':') || !take_two(s, 59, &minutes)) return false;
    if (take(s, ':')) {
        if (!take_two(s, 59, &seconds)) return false;
        if (take(s, '.') && !take_fraction(s, unit, time)) return false;
    }
    time->seconds = hours * 3600 + minutes * 60 + seconds;
    return true;
}

/* Z or +HH:MM or -HH:MM. */
static bool take_offset(scanner *s, int64_t *seconds)
{
    *seconds = 0;
    if (take(s, 'Z')) return true;

    bool is_west = take(s, '-');
    int hours, minutes;
    if (!is_west && !take(s, '+')) return false;
    if (!take_two(s, 23, &hours) || !take(s, ':') || !take_two(s, 59, &minutes)) return false;
    *seconds = (hours * 3600 + minutes * 60) * (is_west ? -1 : 1);
    return true;
}

static int64_t units_per_second(stele_time_unit unit)
{
    return unit == STELE_TIME_MILLIS ? 1000 : unit == STELE_TIME_MICROS ? 1000000 : 1000000000;
}

static stele_status refuse(stele_bytes text, const char *what, stele_error *err)
{
    return stele_fail(err, STELE_E_INVALID, STELE_NEXT_REJECT, "%s is not %s",
                      stele_quote(text).text, what);
}

static stele_status refuse_inexact(stele_bytes text, stele_time_unit unit, stele_error *err)
{
    return stele_fail(err, STELE_E_INVALID, STELE_NEXT_REJECT,
                      "%s has more than %d digits after the second", stele_quote(text).text,
                      (int)unit);
}

stele_status stele_parse_date(stele_bytes text, int32_t *days, stele_error *err)
{
    scanner s = scan(text);
    int64_t parsed;
    if (!take_date(&s, &parsed) || s.at != s.end) {
        return refuse(text, "a date such as 1997-01-18", err);
    }
    if (parsed < INT32_MIN || parsed > INT32_MAX) {
        return refuse(text, "in the range of an Avro date (32 bits of days)", err);
    }
    *days = (int32_t)parsed;
    return STELE_OK;
}

stele_status stele_parse_time(stele_bytes text, stele_time_unit unit, int64_t *since_midnight,
                              stele_error *err)
{
    scanner s = scan(text);
    day_time time;
    if (!take_time(&s, unit, &time) || s.at != s.end) {
        return refuse(text, "a time of day such as 09:30:15.250", err);
    }
    if (!time.is_exact) return refuse_inexact(text, unit, err);
    *since_midnight = time.seconds * units_per_second(unit) + time.fraction;
    return STELE_OK;
}

/* seconds * per_second + fraction; the earliest values only fit if the fraction goes in first. */
static bool combine(int64_t seconds, int64_t fraction, int64_t per_second, int64_t *value)
{
    if (seconds < 0 && fraction > 0) {
        seconds++;
        fraction -= per_second;
    }
    return !__builtin_mul_overflow(seconds, per_second, value) &&
           !__builtin_add_overflow(*value, fraction, value);
}

static stele_status parse_moment(stele_bytes text, stele_time_unit unit, bool has_offset,
                                 int64_t *value, stele_error *err)
{
    scanner s = scan(text);
    int64_t days, moment, offset = 0;
    day_time time;
    const char *expected = has_offset ? "a moment such as 2024-05-01T09:30:00Z"
                                      : "a date and time such as 2024-05-01T09:30:00";
    if (!take_date(&s, &days) || (!take(&s, 'T') && !take(&s, ' ')) ||
        !take_time(&s, unit, &time)) {
        return refuse(text, expected, err);
    }
    if (has_offset && s.at == s.end) {
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_REJECT,
                          "%s has no offset: add Z for UTC, or one like +02:00",
                          stele_quote(text).text);
    }
    if (has_offset && !take_offset(&s, &offset)) return refuse(text, expected, err);
    if (s.at != s.end) return refuse(text, expected, err);
    if (!time.is_exact) return refuse_inexact(text, unit, err);

    int64_t seconds = days * DAY_SECONDS + time.seconds - offset;
    if (!combine(seconds, time.fraction, units_per_second(unit), &moment)) {
        return refuse(text, "in the range of 64 bits of this unit", err);
    }
    *value = moment;
    return STELE_OK;
}

stele_status stele_parse_timestamp(stele_bytes text, stele_time_unit unit, int64_t *value,
                                   stele_error *err)
{
    return parse_moment(text, unit, true, value, err);
}

stele_status stele_parse_local_timestamp(stele_bytes text, stele_time_unit unit, int64_t *value,
                                         stele_error *err)
{
    return parse_moment(text, unit, false, value, err);
}

/* Returns how much was written. */
static int write_date(int64_t days, char text[STELE_DATE_TEXT_MAX + 1])
{
    civil_date date = civil_from_days(days);
    const char *sign = date.year < 0 ? "-" : date.year > 9999 ? "+" : "";
    int64_t year = date.year < 0 ? -date.year : date.year;
    return snprintf(text, STELE_DATE_TEXT_MAX + 1, "%s%04" PRId64 "-%02d-%02d", sign, year,
                    date.month, date.day);
}

static int write_time(uint64_t units, stele_time_unit unit, char *text, size_t room)
{
    uint64_t per_second = (uint64_t)units_per_second(unit);
    uint64_t seconds = units / per_second;
    return snprintf(text, room, "%02" PRIu64 ":%02" PRIu64 ":%02" PRIu64 ".%0*" PRIu64,
                    seconds / 3600, seconds / 60 % 60, seconds % 60, (int)unit, units % per_second);
}

void stele_format_date(int32_t days, char text[STELE_DATE_TEXT_MAX + 1])
{
    write_date(days, text);
}

void stele_format_time(int64_t since_midnight, stele_time_unit unit,
                       char text[STELE_DATE_TEXT_MAX + 1])
{
    bool is_negative = since_midnight < 0;
    uint64_t units = is_negative ? 0 - (uint64_t)since_midnight : (uint64_t)since_midnight;
    if (is_negative) *text = '-';
    write_time(units, unit, text + is_negative, STELE_DATE_TEXT_MAX);
}

void stele_format_local_timestamp(int64_t value, stele_time_unit unit,
                                  char text[STELE_DATE_TEXT_MAX + 1])
{
    int64_t units_per_day = DAY_SECONDS * units_per_second(unit);
    int64_t days = floor_divide(value, units_per_day);
    int64_t units = value % units_per_day;
    if (units < 0) units += units_per_day;

    int size = write_date(days, text);
    text[size++] = 'T';
    write_time((uint64_t)units, unit, text + size, (size_t)(STELE_DATE_TEXT_MAX + 1 - size));
}

void stele_format_timestamp(int64_t value, stele_time_unit unit, char text[STELE_DATE_TEXT_MAX + 1])
{
    stele_format_local_timestamp(value, unit, text);
    char *end = text + strlen(text);
    end[0] = 'Z';
    end[1] = '\0';
}
