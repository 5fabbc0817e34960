/* SPDX-License-Identifier: MIT
 * SQL as a row of tokens: as much of it as is needed to find the parameters, and where a statement
 * ends. What the statements mean is the database's. */
#ifndef STELE_STORES_SQL_TEXT_H
#define STELE_STORES_SQL_TEXT_H

#include <stdbool.h>

#include <stele/bytes.h>

/** What texts in quotes, comments and foreign parameters look like. */
typedef enum stele_sql_dialect {
    STELE_SQL_SQLITE = 0,
    STELE_SQL_POSTGRES,
    STELE_SQL_NONE,  /* states of folds only: stores/lmdb_store.h */
    STELE_SQL_HASHES /* the same, with their fields: stores/redis_store.h */
} stele_sql_dialect;

typedef enum stele_sql_token {
    STELE_SQL_TOKEN_END = 0,
    STELE_SQL_TOKEN_BLANK, /* white space, or a comment */
    STELE_SQL_TOKEN_TEXT,
    STELE_SQL_TOKEN_PARAMETER, /* :name, :a.b, :$name */
    STELE_SQL_TOKEN_FOREIGN,   /* a parameter as the database itself has them */
    STELE_SQL_TOKEN_SEMICOLON
} stele_sql_token;

/** A place in a text, which is borrowed. */
typedef struct stele_sql_lexer {
    stele_bytes text;
    size_t at;
    stele_sql_dialect dialect;
} stele_sql_lexer;

/**
 * Step over the next token.
 *
 * @param begin  where it begins
 * @return false: a text in quotes or a comment begins there and does not end
 */
bool stele_sql_lexer_next(stele_sql_lexer *lexer, stele_sql_token *out, size_t *begin);

/** Where the next statement begins: behind blanks, comments and semicolons. */
size_t stele_sql_skip_blanks(stele_bytes text, size_t at, stele_sql_dialect dialect);

/** What identifies a script: white space and comments do not count. */
int64_t stele_sql_script_hash(stele_bytes script, stele_sql_dialect dialect);

#endif
