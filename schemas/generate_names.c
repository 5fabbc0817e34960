/* SPDX-License-Identifier: MIT
 * From Avro's names to C's: snake case, and words that a C or C++ compiler would stumble over. */
#include "schemas/generate_names.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"

/* These tables are sorted: they are searched by bisection. */
static const char *const reserved[] = {
    "EOF",
    "FILE",
    "I",
    "INFINITY",
    "NAN",
    "NULL",
    "alignas",
    "alignof",
    "and",
    "and_eq",
    "asm",
    "assert",
    "atomic_cancel",
    "atomic_commit",
    "atomic_noexcept",
    "auto",
    "bitand",
    "bitor",
    "bool",
    "break",
    "case",
    "catch",
    "char",
    "char16_t",
    "char32_t",
    "char8_t",
    "class",
    "co_await",
    "co_return",
    "co_yield",
    "compl",
    "complex",
    "concept",
    "const",
    "const_cast",
    "consteval",
    "constexpr",
    "constinit",
    "continue",
    "decltype",
    "default",
    "delete",
    "do",
    "double",
    "dynamic_cast",
    "else",
    "enum",
    "errno",
    "explicit",
    "export",
    "extern",
    "false",
    "float",
    "for",
    "friend",
    "goto",
    "if",
    "imaginary",
    "inline",
    "int",
    "linux",
    "long",
    "major",
    "makedev",
    "minor",
    "mutable",
    "namespace",
    "new",
    "noexcept",
    "noreturn",
    "not",
    "not_eq",
    "nullptr",
    "offsetof",
    "operator",
    "or",
    "or_eq",
    "private",
    "protected",
    "public",
    "reflexpr",
    "register",
    "reinterpret_cast",
    "requires",
    "restrict",
    "return",
    "short",
    "signed",
    "sizeof",
    "static",
    "static_assert",
    "static_cast",
    "stderr",
    "stdin",
    "stdout",
    "struct",
    "switch",
    "synchronized",
    "template",
    "this",
    "thread_local",
    "throw",
    "true",
    "try",
    "typedef",
    "typeid",
    "typename",
    "typeof",
    "typeof_unqual",
    "union",
    "unix",
    "unsigned",
    "using",
    "va_arg",
    "va_copy",
    "va_end",
    "va_start",
    "virtual",
    "void",
    "volatile",
    "wchar_t",
    "while",
    "xor",
    "xor_eq",
};

static const char *const library[] = {
    "abort",    "abs",      "accept",    "access",   "acos",      "alarm",     "asin",
    "atan",     "atof",     "atoi",      "atol",     "bind",      "bsearch",   "calloc",
    "ceil",     "chdir",    "chmod",     "clearerr", "clock",     "clock_t",   "close",
    "connect",  "cos",      "creat",     "ctime",    "daemon",    "difftime",  "div",
    "div_t",    "dup",      "exit",      "exp",      "fclose",    "fdopen",    "ferror",
    "fflush",   "ffs",      "fgetc",     "floor",    "fmod",      "fopen",     "fork",
    "fputs",    "fread",    "free",      "fseek",    "ftell",     "fwrite",    "gamma",
    "getc",     "getenv",   "getline",   "gmtime",   "index",     "int16_t",   "int32_t",
    "int64_t",  "int8_t",   "intmax_t",  "intptr_t", "jmp_buf",   "kill",      "labs",
    "link",     "listen",   "log",       "lseek",    "main",      "malloc",    "memccpy",
    "memchr",   "memcmp",   "memcpy",    "memmove",  "memset",    "mktime",    "modf",
    "nice",     "off_t",    "open",      "pause",    "perror",    "pid_t",     "pipe",
    "pow",      "printf",   "ptrdiff_t", "putc",     "puts",      "qsort",     "raise",
    "rand",     "random",   "read",      "realloc",  "recv",      "remove",    "rename",
    "rewind",   "rindex",   "rmdir",     "round",    "scanf",     "select",    "send",
    "setenv",   "signal",   "sin",       "size_t",   "sleep",     "socket",    "sqrt",
    "srand",    "ssize_t",  "stat",      "strcat",   "strchr",    "strcmp",    "strcpy",
    "strdup",   "strlen",   "strsep",    "strstr",   "strtok",    "sync",      "system",
    "tan",      "time",     "time_t",    "timer_t",  "timezone",  "tm",        "truncate",
    "uint16_t", "uint32_t", "uint64_t",  "uint8_t",  "uintmax_t", "uintptr_t", "unlink",
    "wait",     "write",    "y0",        "y1",       "yn",
};

static const char *const headers[] = {
    "aio",         "assert",   "complex",   "ctype",   "dirent",    "dlfcn",   "endian",  "errno",
    "fcntl",       "features", "fenv",      "float",   "ftw",       "getopt",  "glob",    "grp",
    "iconv",       "inttypes", "iso646",    "libgen",  "limits",    "link",    "locale",  "malloc",
    "math",        "memory",   "monetary",  "netdb",   "poll",      "pthread", "pwd",     "random",
    "regex",       "resolv",   "sched",     "search",  "semaphore", "setjmp",  "signal",  "spawn",
    "stdalign",    "stdarg",   "stdatomic", "stdbool", "stddef",    "stdint",  "stdio",   "stdlib",
    "stdnoreturn", "string",   "strings",   "syslog",  "termios",   "tgmath",  "threads", "time",
    "uchar",       "unistd",   "utime",     "wchar",   "wctype",
};

static int compare_words(const void *key, const void *word)
{
    return strcmp(key, *(const char *const *)word);
}

static bool contains(const char *const *words, size_t count, const char *name)
{
    return bsearch(name, words, count, sizeof *words, compare_words) != NULL;
}

bool stele_name_is_reserved(const char *name)
{
    /* Identifiers that begin so belong to the implementation. */
    if (name[0] == '_' && (name[1] == '_' || isupper((unsigned char)name[1]))) return true;
    return contains(reserved, sizeof reserved / sizeof *reserved, name);
}

bool stele_name_is_library(const char *name)
{
    return stele_name_is_reserved(name) ||
           contains(library, sizeof library / sizeof *library, name);
}

/* A word begins at a capital that follows a small letter or a digit, or that ends a run of them. */
static bool begins_word(const char *name, size_t i)
{
    if (i == 0 || !isupper((unsigned char)name[i])) return false;
    unsigned char before = (unsigned char)name[i - 1];
    if (islower(before) || isdigit(before)) return true;
    return isupper(before) && islower((unsigned char)name[i + 1]);
}

char *stele_name_snake(const char *name)
{
    size_t size = strlen(name);
    char *snake = stele_alloc(2 * size + 1);
    size_t at = 0;
    for (size_t i = 0; i < size; i++) {
        if (begins_word(name, i)) snake[at++] = '_';
        snake[at++] = name[i] == '.' ? '_' : (char)tolower((unsigned char)name[i]);
    }
    return snake;
}

char *stele_name_constant(const char *type, const char *symbol)
{
    STELE_AUTO(char) snake = stele_name_snake(symbol);
    char *constant = stele_strdup_format("%s_%s", type, snake);
    for (char *c = constant; *c != '\0'; c++)
        *c = (char)toupper((unsigned char)*c);
    return constant;
}

bool stele_name_is_header(const char *name)
{
    return contains(headers, sizeof headers / sizeof *headers, name);
}
