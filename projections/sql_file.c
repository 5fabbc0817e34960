/* SPDX-License-Identifier: MIT
 * Lines of SQL to blocks and statements. A line that begins with `--` and a word of the file format
 * is a directive; any other comment is left to the database. What looks like a directive and is
 * none is refused: as a comment it would put its statements into the block before. */
#include "projections/sql_file.h"

#include <ctype.h>

#include "core/alloc.h"
#include "core/names.h"
#include "core/suggest.h"
#include "core/text.h"

typedef enum section { IN_HEAD = 0, IN_SETUP, IN_BLOCK, IN_TEARDOWN } section;

typedef struct parser {
    stele_sql_file *file;
    stele_sql_dialect dialect;
    stele_bytes text;
    size_t at;
    int line;
    section section;
    bool has_version, has_setup, has_teardown;
    stele_buffer script; /* of the section */
    int script_line;
    size_t whole; /* of the script: tokens that are complete end here */
    stele_error *err;
} parser;

static stele_status fail_line(const parser *p, int line, const char *why)
{
    return stele_fail(p->err, STELE_E_INVALID, STELE_NEXT_STOP, "%s:%d: %s", p->file->path, line,
                      why);
}

/* ---- words ---- */

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static stele_bytes trim(stele_bytes text)
{
    while (text.size > 0 && is_blank(text.data[0])) {
        text.data++;
        text.size--;
    }
    while (text.size > 0 && is_blank(text.data[text.size - 1]))
        text.size--;
    return text;
}

/* The first word of `*rest`, which begins behind it then. */
static stele_bytes next_word(stele_bytes *rest)
{
    stele_bytes from = trim(*rest);
    size_t size = 0;
    while (size < from.size && !is_blank(from.data[size]))
        size++;
    *rest = trim(stele_bytes_of(from.data + size, from.size - size));
    return stele_bytes_of(from.data, size);
}

static bool is_word(stele_bytes word, const char *wanted)
{
    return stele_bytes_equal(word, stele_text(wanted));
}

static char *copy(stele_bytes text)
{
    return stele_strndup((const char *)text.data, text.size);
}

static bool is_letter(uint8_t c)
{
    return isalpha(c) || c == '_';
}

/* A full name of a record, "*", or a path: names with dots between them. */
static bool is_dotted(stele_bytes word)
{
    for (size_t i = 0; i < word.size; i++) {
        bool begins = i == 0 || word.data[i - 1] == '.';
        bool is_dot = word.data[i] == '.';
        if (begins ? !is_letter(word.data[i])
                   : !is_dot && !is_letter(word.data[i]) && !isdigit(word.data[i]))
            return false;
    }
    return word.size > 0 && word.data[word.size - 1] != '.';
}

/* ---- statements ---- */

static size_t find_parameter(stele_sql_statement *of, stele_bytes path, int line)
{
    for (size_t i = 0; i < of->parameter_count; i++)
        if (is_word(path, of->parameters[i].path)) return i + 1;
    of->parameters =
        stele_realloc_array(of->parameters, of->parameter_count + 1, sizeof *of->parameters);
    of->parameters[of->parameter_count] = (stele_sql_parameter){.path = copy(path), .line = line};
    return ++of->parameter_count;
}

static int count_lines(stele_bytes text)
{
    int lines = 0;
    for (size_t i = 0; i < text.size; i++)
        lines += text.data[i] == '\n';
    return lines;
}

int stele_sql_line_of(const char *text, int line, size_t at)
{
    return line + count_lines(stele_bytes_of(text, at));
}

/* A statement as it comes together. */
typedef struct draft {
    stele_sql_statement made;
    stele_buffer text;
    bool has_text; /* more than blanks and comments */
} draft;

static void finish_statement(draft *d, stele_sql_block *block)
{
    if (d->has_text) {
        while (isspace(d->text.data[d->text.size - 1]))
            d->text.size--;
        block->statements = stele_realloc_array(block->statements, block->statement_count + 1,
                                                sizeof *block->statements);
        d->made.text = stele_strdup(stele_buffer_text(&d->text));
        block->statements[block->statement_count++] = d->made;
    }
    stele_buffer_reset(&d->text);
    d->made = (stele_sql_statement){0};
    d->has_text = false;
}

/* Blanks and comments in front of a statement are no part of it. */
static void add_token(draft *d, stele_sql_token kind, stele_bytes text, int line)
{
    if (!d->has_text && kind == STELE_SQL_TOKEN_BLANK) return;
    if (!d->has_text) d->made.line = line;
    d->has_text = true;
    if (kind == STELE_SQL_TOKEN_PARAMETER)
        stele_buffer_format(
            &d->text, "$%zu",
            find_parameter(&d->made, stele_bytes_of(text.data + 1, text.size - 1), line));
    else
        stele_buffer_append(&d->text, text);
}

static stele_status split_statements(parser *p, stele_sql_block *block)
{
    stele_sql_lexer l = {.text = stele_buffer_view(&p->script), .dialect = p->dialect};
    draft d = {0};
    int line = p->script_line;
    stele_sql_token kind;
    size_t begin;
    bool ends;
    while ((ends = stele_sql_lexer_next(&l, &kind, &begin)) && kind != STELE_SQL_TOKEN_END) {
        stele_bytes text = stele_bytes_of(l.text.data + begin, l.at - begin);
        if (kind == STELE_SQL_TOKEN_FOREIGN) break;
        if (kind == STELE_SQL_TOKEN_SEMICOLON)
            finish_statement(&d, block);
        else
            add_token(&d, kind, text, line);
        line += count_lines(text);
    }
    finish_statement(&d, block);
    stele_buffer_clear(&d.text);
    if (ends && kind == STELE_SQL_TOKEN_FOREIGN)
        return fail_line(p, line, "parameters are written :field, and nothing else is one");
    return ends ? STELE_OK : fail_line(p, line, "a text or a comment begins here and does not end");
}

/* ---- sections ---- */

static stele_status refuse_statements(const parser *p)
{
    stele_bytes text = stele_buffer_view(&p->script);
    stele_sql_lexer l = {.text = text, .dialect = p->dialect};
    stele_sql_token kind;
    size_t begin;
    while (stele_sql_lexer_next(&l, &kind, &begin) && kind == STELE_SQL_TOKEN_BLANK)
        continue;
    if (kind == STELE_SQL_TOKEN_END || kind == STELE_SQL_TOKEN_BLANK) return STELE_OK;
    return fail_line(p, stele_sql_line_of((const char *)text.data, p->script_line, begin),
                     "a statement in front of the first block: begin one with `-- setup` or "
                     "`-- on TYPE`");
}

/* The section that ends here gets what stands in it. */
static stele_status end_section(parser *p)
{
    stele_status status = STELE_OK;
    stele_sql_file *file = p->file;
    stele_sql_script *script = p->section == IN_SETUP ? &file->setup : &file->teardown;
    switch (p->section) {
    case IN_HEAD:
        status = refuse_statements(p);
        break;
    case IN_BLOCK:
        status = split_statements(p, &file->blocks[file->block_count - 1]);
        break;
    case IN_SETUP:
    case IN_TEARDOWN:
        free(script->text);
        *script = (stele_sql_script){stele_strdup(stele_buffer_text(&p->script)), p->script_line};
        break;
    }
    stele_buffer_reset(&p->script);
    p->script_line = p->line + 1;
    p->whole = 0;
    return status;
}

static stele_status begin_script(parser *p, section which, bool *has, stele_bytes rest)
{
    stele_status status = end_section(p);
    if (status < 0) return status;
    if (rest.size > 0 || *has)
        return fail_line(p, p->line,
                         *has
                             ? "there is one such block already"
                             : "nothing may follow on this line; if it is a comment, begin it with "
                               "another word");
    *has = true;
    p->section = which;
    return STELE_OK;
}

static stele_status begin_block(parser *p, stele_bytes rest)
{
    stele_status status = end_section(p);
    if (status < 0) return status;
    stele_bytes type = next_word(&rest);
    stele_bytes each = rest.size > 0 ? next_word(&rest) : rest;
    stele_bytes path = next_word(&rest);
    bool has_each = each.size > 0;
    if (!(is_dotted(type) || is_word(type, "*")) || rest.size > 0 ||
        (has_each && (!is_word(each, "each") || !is_dotted(path))))
        return fail_line(p, p->line,
                         "this is neither `-- on TYPE` nor `-- on TYPE each PATH`; if it is a "
                         "comment, begin it with another word");
    if (has_each && is_word(type, "*"))
        return fail_line(p, p->line,
                         "`-- on *` stands for events of any type, which have no path "
                         "that could be walked");
    stele_sql_file *file = p->file;
    file->blocks = stele_realloc_array(file->blocks, file->block_count + 1, sizeof *file->blocks);
    file->blocks[file->block_count++] = (stele_sql_block){
        .type = copy(type), .each = has_each ? copy(path) : NULL, .line = p->line};
    p->section = IN_BLOCK;
    return STELE_OK;
}

/* ---- the head ---- */

static stele_status add_topics(parser *p, stele_bytes names)
{
    stele_sql_file *file = p->file;
    size_t count = 0;
    while (file->topics[count] != NULL)
        count++;
    file->topics_line = p->line;
    while (names.size > 0) {
        size_t size = 0;
        stele_bytes aggregate;
        while (size < names.size && names.data[size] != ',')
            size++;
        STELE_AUTO(char) topic = copy(trim(stele_bytes_of(names.data, size)));
        if (!stele_events_topic_parse(topic, &aggregate) || strchr(topic, ' ') != NULL) {
            stele_fail(p->err, STELE_E_INVALID, STELE_NEXT_STOP,
                       "%s:%d: %s is no topic of events: their names end in .events, several are "
                       "separated by commas",
                       file->path, p->line, stele_quote(stele_text(topic)).text);
            return STELE_E_INVALID;
        }
        file->topics = stele_realloc_array(file->topics, count + 2, sizeof *file->topics);
        file->topics[count++] = topic;
        file->topics[count] = topic = NULL;
        names = stele_bytes_of(names.data + size, names.size - size);
        if (names.size > 0) names = stele_bytes_of(names.data + 1, names.size - 1);
    }
    return STELE_OK;
}

static stele_status take_version(parser *p, stele_bytes text)
{
    int64_t version;
    if (p->has_version || stele_parse_int64(text, 1, 1000000, &version, NULL) < 0)
        return fail_line(p, p->line, "a projection has one version, a number from 1 on");
    p->has_version = true;
    p->file->version = (int)version;
    return STELE_OK;
}

static stele_status take_repeatable(parser *p, stele_bytes text)
{
    p->file->is_repeatable = is_word(text, "yes");
    if (p->file->is_repeatable || is_word(text, "no")) return STELE_OK;
    return fail_line(p, p->line,
                     "`-- repeatable: yes` says that statements may be executed again for the same "
                     "events, and leave the rows as they were");
}

static stele_status take_name(parser *p, stele_bytes text)
{
    if (p->file->name != NULL || text.size == 0)
        return fail_line(p, p->line, "a projection has one name");
    p->file->name = copy(text);
    return STELE_OK;
}

/* ---- directives ---- */

/* Is it what follows `on`: a type with its namespace, or *, with nothing or `each` behind it? */
static bool looks_like_type(stele_bytes rest)
{
    stele_bytes type = next_word(&rest);
    stele_bytes each = next_word(&rest);
    bool is_type = is_word(type, "*") || (is_dotted(type) && memchr(type.data, '.', type.size));
    return is_type && (each.size == 0 || is_word(each, "each"));
}

static stele_status fail_comment(const parser *p, stele_bytes word, const char *meant)
{
    return stele_fail(p->err, STELE_E_INVALID, STELE_NEXT_STOP,
                      "%s:%d: %s is no word of a SQL projection; did you mean `-- %s`? If it is a "
                      "comment, begin it with another word",
                      p->file->path, p->line, stele_quote(word).text, meant);
}

/* A comment that may have been meant as a directive: what is nearly one, and has its form. */
static stele_status check_comment(const parser *p, stele_bytes word, stele_bytes rest)
{
    static const char *const heads[] = {"projection:", "version:", "source:", "repeatable:"};
    static const char *const scripts[] = {"setup", "teardown"};
    STELE_AUTO(char) lower = copy(word);
    for (char *c = lower; *c != '\0'; c++)
        *c = (char)tolower((unsigned char)*c);
    stele_bytes behind = rest;
    next_word(&behind);
    bool is_head = word.size > 0 && word.data[word.size - 1] == ':';
    stele_suggestion near = {.word = stele_text(lower)};
    if (word.size <= 4 && lower[0] == 'o' && looks_like_type(rest))
        return fail_comment(p, word, "on");
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++)
        if (is_head || (rest.size > 0 && behind.size == 0 &&
                        strncmp(lower, heads[i], strlen(heads[i]) - 1) == 0))
            stele_suggestion_offer(&near, heads[i]);
    for (size_t i = 0; rest.size == 0 && i < sizeof scripts / sizeof scripts[0]; i++)
        stele_suggestion_offer(&near, scripts[i]);
    return near.best == NULL ? STELE_OK : fail_comment(p, word, near.best);
}

/* @param is_directive  the line is one, and not for the database */
static stele_status take_comment(parser *p, stele_bytes text, bool *is_directive)
{
    stele_bytes rest = text;
    stele_bytes word = next_word(&rest);
    *is_directive = true;
    if (is_word(word, "projection:")) return take_name(p, rest);
    if (is_word(word, "version:")) return take_version(p, rest);
    if (is_word(word, "source:")) return add_topics(p, rest);
    if (is_word(word, "repeatable:")) return take_repeatable(p, rest);
    if (is_word(word, "setup")) return begin_script(p, IN_SETUP, &p->has_setup, rest);
    if (is_word(word, "teardown")) return begin_script(p, IN_TEARDOWN, &p->has_teardown, rest);
    if (is_word(word, "on")) return begin_block(p, rest);
    *is_directive = false;
    return check_comment(p, word, rest);
}

/* Is the end of the script so far within a text in quotes or a comment, where a line is no
 * directive? */
static bool is_within(parser *p)
{
    stele_sql_lexer l = {
        .text = stele_buffer_view(&p->script), .at = p->whole, .dialect = p->dialect};
    stele_sql_token kind;
    while (stele_sql_lexer_next(&l, &kind, &p->whole))
        if (kind == STELE_SQL_TOKEN_END) return false;
    return true;
}

static stele_status take_line(parser *p, stele_bytes line)
{
    stele_bytes text = trim(line);
    bool is_directive = false;
    stele_status status = STELE_OK;
    if (text.size >= 2 && memcmp(text.data, "--", 2) == 0 && !is_within(p))
        status = take_comment(p, stele_bytes_of(text.data + 2, text.size - 2), &is_directive);
    if (status < 0) return status;
    /* A directive of the head leaves its line empty, so that the others keep their numbers. */
    if (!is_directive) stele_buffer_append(&p->script, line);
    if (!is_directive || p->script_line <= p->line) stele_buffer_push(&p->script, '\n');
    return STELE_OK;
}

static stele_status take_all(parser *p)
{
    while (p->at < p->text.size) {
        size_t end = p->at;
        while (end < p->text.size && p->text.data[end] != '\n')
            end++;
        stele_status status = take_line(p, stele_bytes_of(p->text.data + p->at, end - p->at));
        if (status < 0) return status;
        p->at = end + 1;
        p->line++;
    }
    return end_section(p);
}

static stele_status check_whole(parser *p)
{
    const stele_sql_file *file = p->file;
    if (file->topics[0] == NULL)
        return fail_line(p, 1, "no source: `-- source: NAME.events` says which topic to read");
    if (file->block_count == 0)
        return fail_line(p, p->line,
                         "no block: `-- on TYPE` begins the statements for a type of "
                         "event");
    for (size_t i = 0; i < file->block_count; i++)
        if (file->blocks[i].each != NULL && file->blocks[i].statement_count == 0)
            return fail_line(p, file->blocks[i].line, "this block has no statement");
    return STELE_OK;
}

stele_status stele_sql_file_parse(const char *path, stele_bytes text, stele_sql_dialect dialect,
                                  stele_sql_file **out, stele_error *err)
{
    STELE_AUTO(stele_sql_file) file = stele_alloc(sizeof *file);
    file->path = stele_strdup(path);
    file->version = 1;
    file->topics = stele_alloc_array(1, sizeof *file->topics);
    file->setup.text = stele_strdup("");
    file->teardown.text = stele_strdup("");
    parser p = {
        .file = file, .dialect = dialect, .text = text, .line = 1, .script_line = 1, .err = err};
    stele_status status = STELE_OK;
    if (!stele_utf8_is_valid(text) || memchr(text.data, '\0', text.size) != NULL)
        status = fail_line(&p, 1, "the file is not text in UTF-8");
    if (status == STELE_OK) status = take_all(&p);
    if (status == STELE_OK) status = check_whole(&p);
    stele_buffer_clear(&p.script);
    if (status < 0) return status;
    *out = file;
    file = NULL;
    return STELE_OK;
}

static void clear_block(stele_sql_block *block)
{
    for (size_t i = 0; i < block->statement_count; i++) {
        stele_sql_statement *statement = &block->statements[i];
        for (size_t k = 0; k < statement->parameter_count; k++)
            free(statement->parameters[k].path);
        free(statement->parameters);
        free(statement->text);
    }
    free(block->statements);
    free(block->type);
    free(block->each);
}

void stele_sql_file_free(stele_sql_file *file)
{
    if (file == NULL) return;
    for (size_t i = 0; i < file->block_count; i++)
        clear_block(&file->blocks[i]);
    for (size_t i = 0; file->topics != NULL && file->topics[i] != NULL; i++)
        free(file->topics[i]);
    free(file->blocks);
    free(file->topics);
    free(file->setup.text);
    free(file->teardown.text);
    free(file->name);
    free(file->path);
    free(file);
}
