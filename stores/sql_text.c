/* SPDX-License-Identifier: MIT
 * The tokens of SQL, in the two dialects. */
#include "stores/sql_text.h"

#include <ctype.h>
#include <string.h>

#include <stele/buffer.h>

#include "core/sha256.h"

static bool is_letter(uint8_t c)
{
    return isalpha(c) || c == '_';
}

static bool is_word(uint8_t c)
{
    return is_letter(c) || isdigit(c) || c == '$';
}

static uint8_t peek(const stele_sql_lexer *l, size_t ahead)
{
    return l->at + ahead < l->text.size ? l->text.data[l->at + ahead] : 0;
}

static uint8_t before(const stele_sql_lexer *l, size_t back)
{
    return l->at >= back ? l->text.data[l->at - back] : 0;
}

/* PostgreSQL's E'…', in which a backslash stands before a quote. */
static bool is_escaped(const stele_sql_lexer *l)
{
    uint8_t c = before(l, 1);
    return l->dialect == STELE_SQL_POSTGRES && (c == 'e' || c == 'E') && !is_word(before(l, 2));
}

/* Past a text in quotes; its quote doubled is a part of it. @return false: it does not end */
static bool skip_quoted(stele_sql_lexer *l, uint8_t quote)
{
    bool escaped = quote == '\'' && is_escaped(l);
    for (l->at++; l->at < l->text.size; l->at++) {
        if (escaped && peek(l, 0) == '\\') {
            l->at++;
            continue;
        }
        if (peek(l, 0) != quote) continue;
        if (peek(l, 1) != quote || quote == ']') {
            l->at++;
            return true;
        }
        l->at++;
    }
    l->at = l->text.size;
    return false;
}

/* Past a comment; PostgreSQL has comments in comments. */
static bool skip_comment(stele_sql_lexer *l)
{
    if (peek(l, 0) == '-') {
        while (l->at < l->text.size && peek(l, 0) != '\n')
            l->at++;
        return true;
    }
    size_t depth = 1;
    for (l->at += 2; l->at < l->text.size; l->at++) {
        if (peek(l, 0) == '*' && peek(l, 1) == '/') {
            l->at++;
            if (--depth > 0) continue;
            l->at++;
            return true;
        }
        if (l->dialect == STELE_SQL_POSTGRES && peek(l, 0) == '/' && peek(l, 1) == '*') {
            l->at++;
            depth++;
        }
    }
    return false;
}

/* The size of $$ or $name$; 0: none is there. */
static size_t dollar_quote(const stele_sql_lexer *l)
{
    size_t size = 1;
    if (peek(l, 0) != '$' || is_word(before(l, 1)) || isdigit(peek(l, 1))) return 0;
    while (is_letter(peek(l, size)) || isdigit(peek(l, size)))
        size++;
    return peek(l, size) == '$' ? size + 1 : 0;
}

static bool skip_dollar_quoted(stele_sql_lexer *l, size_t size)
{
    const uint8_t *quote = l->text.data + l->at;
    for (l->at += size; l->at + size <= l->text.size; l->at++) {
        if (memcmp(l->text.data + l->at, quote, size) != 0) continue;
        l->at += size;
        return true;
    }
    l->at = l->text.size;
    return false;
}

/* SQLite's ?, ?1, @name, $name, :1 and PostgreSQL's $1: numbered by the database among ours, they
 * would get another's value. */
static bool is_foreign(const stele_sql_lexer *l)
{
    uint8_t c = peek(l, 0);
    bool is_dollar = c == '$' && !is_word(before(l, 1));
    if (l->dialect == STELE_SQL_POSTGRES) return is_dollar && isdigit(peek(l, 1));
    return is_dollar || c == '?' || (c == '@' && is_letter(peek(l, 1))) ||
           (c == ':' && isdigit(peek(l, 1)) && before(l, 1) != ':');
}

static void skip_parameter(stele_sql_lexer *l)
{
    do {
        l->at++;
    } while (is_letter(peek(l, 0)) || isdigit(peek(l, 0)) ||
             (peek(l, 0) == '.' && is_letter(peek(l, 1))));
}

/* A token of one character, or of what follows a colon. */
static stele_sql_token take_short(stele_sql_lexer *l)
{
    uint8_t c = peek(l, 0);
    if (is_foreign(l)) {
        l->at++;
        return STELE_SQL_TOKEN_FOREIGN;
    }
    l->at++;
    if (c == ';') return STELE_SQL_TOKEN_SEMICOLON;
    if (c == ':' && peek(l, 0) == ':') { /* a cast */
        l->at++;
        return STELE_SQL_TOKEN_TEXT;
    }
    if (c != ':' || !(is_letter(peek(l, 0)) || peek(l, 0) == '$')) return STELE_SQL_TOKEN_TEXT;
    skip_parameter(l);
    return STELE_SQL_TOKEN_PARAMETER;
}

bool stele_sql_lexer_next(stele_sql_lexer *l, stele_sql_token *out, size_t *begin)
{
    bool is_sqlite = l->dialect == STELE_SQL_SQLITE;
    uint8_t c = peek(l, 0);
    *begin = l->at;
    *out = l->at < l->text.size ? STELE_SQL_TOKEN_TEXT : STELE_SQL_TOKEN_END;
    if (*out == STELE_SQL_TOKEN_END) return true;
    if (c == '\'' || c == '"' || (c == '`' && is_sqlite)) return skip_quoted(l, c);
    if (c == '[' && is_sqlite) return skip_quoted(l, ']');
    size_t dollars = is_sqlite ? 0 : dollar_quote(l);
    if (dollars > 0) return skip_dollar_quoted(l, dollars);
    if ((c == '-' && peek(l, 1) == '-') || (c == '/' && peek(l, 1) == '*')) {
        *out = STELE_SQL_TOKEN_BLANK;
        return skip_comment(l);
    }
    if (!isspace(c)) {
        *out = take_short(l);
        return true;
    }
    *out = STELE_SQL_TOKEN_BLANK;
    while (isspace(peek(l, 0)))
        l->at++;
    return true;
}

size_t stele_sql_skip_blanks(stele_bytes text, size_t at, stele_sql_dialect dialect)
{
    stele_sql_lexer l = {text, at, dialect};
    stele_sql_token kind;
    size_t begin;
    while (stele_sql_lexer_next(&l, &kind, &begin) &&
           (kind == STELE_SQL_TOKEN_BLANK || kind == STELE_SQL_TOKEN_SEMICOLON))
        continue;
    return begin;
}

/* White space beside it separates nothing. */
static bool is_edge(uint8_t c)
{
    return c == '(' || c == ')' || c == ',' || c == ';';
}

int64_t stele_sql_script_hash(stele_bytes script, stele_sql_dialect dialect)
{
    stele_sql_lexer l = {script, 0, dialect};
    stele_sql_token kind;
    size_t begin;
    bool blank = false, ends;
    stele_buffer text = {0};
    do {
        ends = !stele_sql_lexer_next(&l, &kind, &begin) || kind == STELE_SQL_TOKEN_END;
        if (kind == STELE_SQL_TOKEN_BLANK) {
            blank = text.size > 0;
            continue;
        }
        if (blank && !ends && !is_edge(text.data[text.size - 1]) && !is_edge(script.data[begin]))
            stele_buffer_push(&text, ' ');
        blank = false;
        stele_buffer_append(&text, stele_bytes_of(script.data + begin, l.at - begin));
    } while (!ends);
    uint8_t digest[32];
    stele_sha256(stele_buffer_view(&text), digest);
    stele_buffer_clear(&text);
    int64_t hash;
    memcpy(&hash, digest, sizeof hash);
    return hash;
}
