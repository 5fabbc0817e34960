/* SPDX-License-Identifier: MIT
 * Requests as bytes: what is read, and what is refused with which code. Every case is read whole
 * and byte by byte, and must come out the same. */
#include "server/http_reader.h"

#include "core/alloc.h"
#include "tests/support/test.h"

enum { BODY_MAX = 1000 };

#define GET     "GET / HTTP/1.1\r\n"
#define HOST    "Host: localhost\r\n"
#define POST    "POST /x HTTP/1.1\r\n" HOST
#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"

STELE_VALUE_SCOPE(stele_http_reader, stele_http_reader_reset);

/* Read one request that comes in pieces of `piece` bytes. @return how far it came */
static stele_http_progress read_pieces(stele_http_reader *reader, stele_bytes text, size_t piece,
                                       stele_http_refusal *refusal, size_t *rest)
{
    size_t begin = 0;
    size_t end = 0;
    stele_http_progress progress = STELE_HTTP_MORE;
    while (progress != STELE_HTTP_DONE && progress != STELE_HTTP_REFUSED) {
        if (progress == STELE_HTTP_MORE && end == text.size) break;
        if (progress == STELE_HTTP_MORE) end = text.size - end < piece ? text.size : end + piece;
        /* Exactly its size, so that AddressSanitizer sees the first byte read past it. */
        STELE_AUTO(uint8_t) copy = stele_alloc(end - begin);
        memcpy(copy, text.data + begin, end - begin);
        size_t used = 0;
        progress =
            stele_http_reader_step(reader, stele_bytes_of(copy, end - begin), &used, refusal);
        begin += used;
    }
    *rest = text.size - begin;
    return progress;
}

typedef struct shape {
    const char *text;
    size_t size;   /* 0: strlen of the text */
    unsigned code; /* 0: it is read to its end */
} shape;

static const size_t pieces[] = {1, 2, 7, SIZE_MAX / 2};

static void check_shapes(const shape *shapes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t size = shapes[i].size == 0 ? strlen(shapes[i].text) : shapes[i].size;
        for (size_t n = 0; n < COUNT_OF(pieces); n++) {
            STELE_AUTO_VALUE(stele_http_reader) reader = {.body_max = BODY_MAX};
            stele_http_refusal refusal = {0};
            size_t rest;
            stele_http_progress progress = read_pieces(
                &reader, stele_bytes_of(shapes[i].text, size), pieces[n], &refusal, &rest);
            stele_http_progress wanted = shapes[i].code == 0 ? STELE_HTTP_DONE : STELE_HTTP_REFUSED;
            if (progress != wanted || refusal.code != shapes[i].code)
                fail_msg("%s in pieces of %zu: %d, %u %s; expected %u", shapes[i].text, pieces[n],
                         (int)progress, refusal.code, refusal.text, shapes[i].code);
            if (refusal.code != 0) assert_true(strlen(refusal.text) > 10);
        }
    }
}

#define CHECK(shapes) check_shapes(shapes, COUNT_OF(shapes))
#define BYTES(text, code)                                                                          \
    {                                                                                              \
        text, sizeof(text) - 1, code                                                               \
    }

static void request_lines(void **state)
{
    (void)state;
    static const shape shapes[] = {
        {GET HOST "\r\n", 0, 0},
        {"\r\n" GET HOST "\r\n", 0, 0}, /* one empty line may come before it */
        {"\r\n\r\n" GET HOST "\r\n", 0, 400},
        {"GET /\r\n", 0, 400}, /* HTTP/0.9 */
        {"GET\r\n", 0, 400},
        {"GET / HTTP/1.1 \r\n", 0, 400},
        {"GET  / HTTP/1.1\r\n", 0, 400},
        {"GET /  HTTP/1.1\r\n", 0, 400},
        {"GET /a b HTTP/1.1\r\n", 0, 400},
        {"GET\t/\tHTTP/1.1\r\n", 0, 400},
        {" GET / HTTP/1.1\r\n", 0, 400},
        {"G(T / HTTP/1.1\r\n", 0, 400},
        {"GET / HTTP/1.10\r\n", 0, 400},
        {"GET / HTTP/11\r\n", 0, 400},
        {"GET / HTTP/1\r\n", 0, 400},
        {"GET / http/1.1\r\n", 0, 400},
        {"GET / HTTQ/1.1\r\n", 0, 400},
        {"GET / HTTP/1.2\r\n", 0, 505},
        {"GET / HTTP/2.0\r\n", 0, 505},
        {"GET / HTTP/0.9\r\n", 0, 505},
        {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 0, 505},
        {"\x16\x03\x01\x02", 0, 400}, /* TLS */
        {"GET /\x01 HTTP/1.1\r\n", 0, 400},
        {"GET /\x7f HTTP/1.1\r\n", 0, 400},
        {"GET /\xc3\xa4 HTTP/1.1\r\n", 0, 400},
        {"GET /a#b HTTP/1.1\r\n", 0, 400},
        BYTES("GET /a\0b HTTP/1.1\r\n", 400),
        {"get / HTTP/1.1\r\n" HOST "\r\n", 0, 0}, /* a method that no path has */
    };
    CHECK(shapes);
}

static void targets(void **state)
{
    (void)state;
    static const shape shapes[] = {
        {"GET http://localhost/a HTTP/1.1\r\n" HOST "\r\n", 0, 0},
        {"GET HTTP://localhost:8081 HTTP/1.1\r\n" HOST "\r\n", 0, 0},
        {"GET http://[::1]:8081/a HTTP/1.1\r\n" HOST "\r\n", 0, 0},
        {"GET http:///a HTTP/1.1\r\n" HOST "\r\n", 0, 400},
        {"GET http://user@localhost/a HTTP/1.1\r\n" HOST "\r\n", 0, 400},
        {"GET http://localhost:x/ HTTP/1.1\r\n" HOST "\r\n", 0, 400},
        {"GET https://localhost/a HTTP/1.1\r\n" HOST "\r\n", 0, 400},
        {"GET ftp://localhost/a HTTP/1.1\r\n" HOST "\r\n", 0, 400},
        {"GET localhost:80 HTTP/1.1\r\n" HOST "\r\n", 0, 400},
        {"CONNECT localhost:80 HTTP/1.1\r\n" HOST "\r\n", 0, 400},
        {"OPTIONS * HTTP/1.1\r\n" HOST "\r\n", 0, 400},
        {"GET subjects HTTP/1.1\r\n" HOST "\r\n", 0, 400},
        {"GET ?a HTTP/1.1\r\n" HOST "\r\n", 0, 400},
    };
    CHECK(shapes);
}

static void hosts(void **state)
{
    (void)state;
    static const shape shapes[] = {
        {GET "\r\n", 0, 400},
        {"GET / HTTP/1.0\r\n\r\n", 0, 0},
        {GET HOST HOST "\r\n", 0, 400},
        {GET HOST "host: other\r\n\r\n", 0, 400},
        {"GET / HTTP/1.0\r\n" HOST HOST "\r\n", 0, 400},
        {GET "Host:\r\n\r\n", 0, 400},
        {GET "Host: a b\r\n\r\n", 0, 400},
        {GET "Host: a,b\r\n\r\n", 0, 400},
        {GET "Host: a@b\r\n\r\n", 0, 400},
        {GET "Host: a/b\r\n\r\n", 0, 400},
        {GET "Host: a:1:2\r\n\r\n", 0, 400},
        {GET "Host: [::1\r\n\r\n", 0, 400},
        {GET "Host: [::1]:80\r\n\r\n", 0, 0},
        {GET "Host: [x]\r\n\r\n", 0, 400},
        {GET "Host: registry_1.example:8081\r\n\r\n", 0, 0},
    };
    CHECK(shapes);
}

static void lines_and_fields(void **state)
{
    (void)state;
    static const shape shapes[] = {
        {"GET / HTTP/1.1\nHost: localhost\n\n", 0, 400},
        {GET "Host: localhost\nA: b\r\n\r\n", 0, 400},
        {GET HOST "A: b\r\n\n", 0, 400},
        {GET HOST "A: b\rC: d\r\n\r\n", 0, 400},
        {GET HOST "A: b\r\r\n\r\n", 0, 400},
        {GET HOST "A: b\r\n c\r\n\r\n", 0, 400},
        {GET HOST "A: b\r\n\tc\r\n\r\n", 0, 400},
        {GET " " HOST "\r\n", 0, 400},
        BYTES(GET HOST "A: b\0c\r\n\r\n", 400),
        BYTES(GET HOST "A\0b: c\r\n\r\n", 400),
        {GET HOST "A: \x01\r\n\r\n", 0, 400},
        {GET HOST "A: \x7f\r\n\r\n", 0, 400},
        {GET HOST "A: b\tc \xc3\xa4\r\n\r\n", 0, 0},
        {GET HOST "A:\r\n\r\n", 0, 0},
        {GET HOST "A b: c\r\n\r\n", 0, 400},
        {GET HOST "A : b\r\n\r\n", 0, 400},
        {GET "Host : localhost\r\n\r\n", 0, 400},
        {GET HOST "Content-Length\t: 5\r\n\r\n", 0, 400},
        {GET HOST ": b\r\n\r\n", 0, 400},
        {GET HOST "A\r\n\r\n", 0, 400},
        {GET HOST "A: b\r\nA: c\r\n\r\n", 0, 0},
        {POST "Content-Type: a\r\nContent-Type: b\r\n\r\n", 0, 400},
        {POST "Content-Length: 0\r\nExpect: 100-continue\r\n\r\n", 0, 0},
        {POST "Content-Length: 0\r\nExpect: 200-ok\r\n\r\n", 0, 417},
    };
    CHECK(shapes);
}

static void lengths(void **state)
{
    (void)state;
    static const shape shapes[] = {
        {POST "Content-Length: 2\r\n\r\n{}", 0, 0},
        {POST "Content-Length: 002\r\n\r\n{}", 0, 0},
        {POST "Content-Length: 0\r\n\r\n", 0, 0},
        {POST "\r\n", 0, 0},
        {POST "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", 0, 400},
        {POST "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}x", 0, 400},
        {POST "Content-Length: 2\r\ncontent-length: 2\r\n\r\n{}", 0, 400},
        {POST "Content-Length: 2, 2\r\n\r\n{}", 0, 400},
        {POST "Content-Length: +2\r\n\r\n{}", 0, 400},
        {POST "Content-Length: -1\r\n\r\n{}", 0, 400},
        {POST "Content-Length: 0x2\r\n\r\n{}", 0, 400},
        {POST "Content-Length: 2 2\r\n\r\n{}", 0, 400},
        {POST "Content-Length: 2.0\r\n\r\n{}", 0, 400},
        {POST "Content-Length:\r\n\r\n", 0, 400},
        {POST "Content-Length: 1001\r\n\r\n", 0, 413},
        {POST "Content-Length: 9223372036854775808\r\n\r\n", 0, 413},
        {POST "Content-Length: 18446744073709551618\r\n\r\n{}", 0, 413},
        {POST "Content-Length: 99999999999999999999999999\r\n\r\n{}", 0, 413},
        {POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 0, 400},
        {POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 0, 400},
        {POST "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 0, 400},
    };
    CHECK(shapes);
}

static void codings(void **state)
{
    (void)state;
    static const shape shapes[] = {
        {POST "Transfer-Encoding: Chunked\r\n\r\n0\r\n\r\n", 0, 0},
        {POST "Transfer-Encoding: gzip\r\n\r\n", 0, 400},
        {POST "Transfer-Encoding: identity\r\n\r\n", 0, 400},
        {POST "Transfer-Encoding: chunked, gzip\r\n\r\n", 0, 400},
        {POST "Transfer-Encoding: chunked,\r\n\r\n", 0, 400},
        {POST "Transfer-Encoding: xchunked\r\n\r\n", 0, 400},
        {POST "Transfer-Encoding: chunkedx\r\n\r\n", 0, 400},
        {POST "Transfer-Encoding: \"chunked\"\r\n\r\n", 0, 400},
        {POST "Transfer-Encoding:\r\n\r\n", 0, 400},
        {POST "Transfer-Encoding: gzip, chunked\r\n\r\n", 0, 501},
        {POST "Transfer-Encoding: chunked, chunked\r\n\r\n", 0, 501},
        {POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 0, 400},
        {POST "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 0, 400},
        {"POST /x HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 0, 400},
    };
    CHECK(shapes);
}

static void chunks(void **state)
{
    (void)state;
    static const shape shapes[] = {
        {CHUNKED "2\r\n{}\r\n0\r\n\r\n", 0, 0},
        {CHUNKED "1\r\n{\r\n01\r\n}\r\n000\r\n\r\n", 0, 0},
        {CHUNKED "2;a=b;c=\"d\"\r\n{}\r\n0;x\r\n\r\n", 0, 0},
        {CHUNKED "2\r\n{}\r\n0\r\nA: b\r\nC:\r\n\r\n", 0, 0},
        {CHUNKED "zz\r\n", 0, 400},
        {CHUNKED "\r\n", 0, 400},
        {CHUNKED "0x2\r\n{}\r\n0\r\n\r\n", 0, 400},
        {CHUNKED "-1\r\n", 0, 400},
        {CHUNKED "+2\r\n", 0, 400},
        {CHUNKED "2 \r\n{}\r\n0\r\n\r\n", 0, 400},
        {CHUNKED " 2\r\n{}\r\n0\r\n\r\n", 0, 400},
        {CHUNKED "2,\r\n", 0, 400},
        {CHUNKED "2\n{}\n0\n\n", 0, 400},
        {CHUNKED "2\r{}", 0, 400},
        {CHUNKED "2\r\n{}xx0\r\n\r\n", 0, 400},
        {CHUNKED "2\r\n{}\n0\r\n\r\n", 0, 400},
        {CHUNKED "2\r\n{}0\r\n\r\n", 0, 400},
        {CHUNKED "10000000000000002\r\n", 0, 400},
        {CHUNKED "00000000000000002\r\n", 0, 400},
        {CHUNKED "fffffffffffffffe\r\n", 0, 413},
        {CHUNKED "3e9\r\n", 0, 413},
        BYTES(CHUNKED "2;a=\0\r\n", 400),
        {CHUNKED "2;a=b\n{}", 0, 400},
        {CHUNKED "0\r\njunk\r\n\r\n", 0, 400},
        {CHUNKED "0\r\n: x\r\n\r\n", 0, 400},
        {CHUNKED "0\r\nA : b\r\n\r\n", 0, 400},
        {CHUNKED "0\r\n A: b\r\n\r\n", 0, 400},
        {CHUNKED "0\r\nA: b\n\r\n", 0, 400},
        {CHUNKED "0\r\n\n", 0, 400},
    };
    CHECK(shapes);
}

/* `count` times `text` after `before`, then `after`. */
static char *many(const char *before, const char *text, size_t count, const char *after)
{
    STELE_AUTO_VALUE(stele_buffer) out = {0};
    stele_buffer_append(&out, stele_text(before));
    for (size_t i = 0; i < count; i++)
        stele_buffer_append(&out, stele_text(text));
    stele_buffer_append(&out, stele_text(after));
    return stele_strdup(stele_buffer_text(&out));
}

static void what_is_too_large_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *before, *text;
        size_t count;
        const char *after;
        unsigned code;
    } cases[] = {
        {"GET /", "a", 8000, " HTTP/1.1\r\n" HOST "\r\n", 0},
        {"GET /", "a", 9000, "", 414},
        {"", "a", 9000, "", 414},
        {GET HOST "A: ", "a", 15000, "\r\n\r\n", 0},
        {GET HOST "A: ", "a", 17000, "", 431},
        {GET HOST, "A: b\r\n", 63, "\r\n", 0},
        {GET HOST, "A: b\r\n", 64, "\r\n", 431},
        {CHUNKED, "1;a\r\n{\r\n", 1000, "0\r\n\r\n", 0},
        {CHUNKED, "1\r\n{\r\n", 1001, "", 413},
        {CHUNKED "1;", "a", 17000, "", 400},
        {CHUNKED "0\r\n", "A: b\r\n", 6000, "", 400},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        STELE_AUTO(char)
        text = many(cases[i].before, cases[i].text, cases[i].count, cases[i].after);
        const shape one[] = {{text, 0, cases[i].code}};
        CHECK(one);
    }
}

static void a_request_is_read_and_the_next_one_left(void **state)
{
    (void)state;
    static const char text[] = "POST http://[::1]:81/a%2F?b HTTP/1.1\r\nHost: x\r\n"
                               "X-Blanks: \t a b\t \r\nConnection: x, Close\r\n"
                               "Transfer-Encoding: chunked\r\n\r\n"
                               "3\r\nabc\r\nA;x\r\ndefghijklm\r\n0\r\nT: u\r\n\r\n"
                               "GET /next";
    for (size_t i = 0; i < COUNT_OF(pieces); i++) {
        STELE_AUTO_VALUE(stele_http_reader) reader = {.body_max = BODY_MAX};
        stele_http_refusal refusal = {0};
        size_t rest;

        stele_http_progress progress =
            read_pieces(&reader, stele_text(text), pieces[i], &refusal, &rest);

        assert_int_equal(progress, STELE_HTTP_DONE);
        assert_int_equal(rest, strlen("GET /next"));
        assert_string_equal(reader.head.method, "POST");
        assert_string_equal(reader.head.target, "/a%2F?b");
        assert_string_equal(reader.head.host, "[::1]:81");
        assert_string_equal(stele_http_head_field(&reader.head, "x-blanks"), "a b");
        assert_null(stele_http_head_field(&reader.head, "T"));
        assert_false(reader.head.keeps_alive);
        assert_string_equal(stele_buffer_text(&reader.body), "abcdefghijklm");
    }
}

static void who_keeps_the_connection(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool keeps_alive;
    } cases[] = {
        {GET HOST "\r\n", true},
        {GET HOST "Connection: keep-alive\r\n\r\n", true},
        {GET HOST "Connection: close\r\n\r\n", false},
        {GET HOST "Connection: closed\r\n\r\n", true},
        {"GET / HTTP/1.0\r\n\r\n", false},
        {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", false},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        STELE_AUTO_VALUE(stele_http_reader) reader = {.body_max = BODY_MAX};
        stele_http_refusal refusal = {0};
        size_t rest;
        assert_int_equal(
            read_pieces(&reader, stele_text(cases[i].text), SIZE_MAX / 2, &refusal, &rest),
            STELE_HTTP_DONE);
        assert_int_equal(reader.head.keeps_alive, cases[i].keeps_alive);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(request_lines),
        cmocka_unit_test(targets),
        cmocka_unit_test(hosts),
        cmocka_unit_test(lines_and_fields),
        cmocka_unit_test(lengths),
        cmocka_unit_test(codings),
        cmocka_unit_test(chunks),
        cmocka_unit_test(what_is_too_large_is_refused),
        cmocka_unit_test(a_request_is_read_and_the_next_one_left),
        cmocka_unit_test(who_keeps_the_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
