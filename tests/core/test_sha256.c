/* SPDX-License-Identifier: MIT */
#include "core/sha256.h"

#include "tests/schemas/avro_support.h"

/* NIST, "Examples with Intermediate Values" and the SHA Test Vectors for byte-oriented messages. */
static const struct {
    const char *text;
    const char *digest;
} vectors[] = {
    {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    {"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnop"
     "qrs"
     "mnopqrstnopqrstu",
     "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"},
};

static void check_digest(stele_bytes data, const char *expected)
{
    uint8_t digest[32];
    stele_sha256(data, digest);
    STELE_AUTO_VALUE(stele_buffer) hex = {0};
    put_as_hex(&hex, stele_bytes_of(digest, sizeof digest));
    assert_string_equal(stele_buffer_text(&hex), expected);
}

static void sha256_has_the_digests_of_the_standard(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(vectors); i++)
        check_digest(stele_text(vectors[i].text), vectors[i].digest);
}

static void sha256_of_a_million_letters(void **state)
{
    (void)state;
    size_t size = 1000000;
    STELE_AUTO(uint8_t) letters = stele_alloc(size);
    memset(letters, 'a', size);

    check_digest(stele_bytes_of(letters, size),
                 "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_has_the_digests_of_the_standard),
        cmocka_unit_test(sha256_of_a_million_letters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
