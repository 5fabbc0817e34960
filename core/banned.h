/* SPDX-License-Identifier: MIT
 * Functions that this tree does not use. Every module is compiled with `-include core/banned.h`;
 * a call is then a warning, and with -Werror an error. Not poisoned: system and library headers
 * may name them. For GCC only: clang takes no such attribute where glibc has an inline body. */
#ifndef STELE_CORE_BANNED_H
#define STELE_CORE_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#if defined(__GNUC__) && !defined(__clang__)

#define STELE_BANNED(instead) __attribute__((deprecated("banned here: use " instead)))

/* Without bounds. */
char *strcpy(char *restrict to, const char *restrict from) STELE_BANNED("memcpy or stele_buffer");
char *strcat(char *restrict to, const char *restrict from) STELE_BANNED("stele_buffer_append");
char *strncpy(char *restrict to, const char *restrict from, size_t size) STELE_BANNED("memcpy");
char *strncat(char *restrict to, const char *restrict from, size_t size) STELE_BANNED("memcpy");
int sprintf(char *restrict to, const char *restrict format, ...) STELE_BANNED("snprintf");
/* Hidden state. */
char *strtok(char *restrict text, const char *restrict marks) STELE_BANNED("strcspn");
struct tm *gmtime(const time_t *time) STELE_BANNED("core/date.h");
struct tm *localtime(const time_t *time) STELE_BANNED("core/date.h");
/* No answer to bad input. */
int atoi(const char *text) STELE_BANNED("stele_parse_int64");
long atol(const char *text) STELE_BANNED("stele_parse_int64");
double atof(const char *text) STELE_BANNED("stele_parse_double");
/* A shell. */
int system(const char *command) STELE_BANNED("posix_spawn");

#endif

#endif
