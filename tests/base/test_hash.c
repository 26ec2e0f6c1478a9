/* Hashes against published vectors: FIPS 180-4's examples, and FNV's. */
#include "base/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_sha256_matches_fips_examples(void **state) {
    (void)state;
    clade_sha256 hash;
    char hex[65];
    clade_sha256_start(&hash);
    clade_sha256_finish_hex(&hash, hex);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    clade_sha256_start(&hash);
    clade_sha256_add(&hash, "abc", 3);
    clade_sha256_finish_hex(&hash, hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    clade_sha256_start(&hash);
    clade_sha256_add(&hash, "abcdbcdecdefdefgefghfghighijhijk", 32);
    clade_sha256_add(&hash, "ijkljklmklmnlmnomnopnopq", 24);
    clade_sha256_finish_hex(&hash, hex);
    assert_string_equal(hex, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

static void test_neighbouring_texts_do_not_run_together(void **state) {
    (void)state;
    const char *const pairs[2][2] = { { "ab", "c" }, { "a", "bc" } };
    uint8_t digests[2][32];
    for (int i = 0; i < 2; i++) {
        clade_sha256 hash;
        clade_sha256_start(&hash);
        clade_sha256_add_text(&hash, pairs[i][0]);
        clade_sha256_add_text(&hash, pairs[i][1]);
        clade_sha256_finish(&hash, digests[i]);
    }
    assert_memory_not_equal(digests[0], digests[1], 32);
}

static void test_fnv_matches_its_vectors(void **state) {
    (void)state;
    assert_true(clade_hash_text("") == UINT64_C(0xcbf29ce484222325));
    assert_true(clade_hash_text("a") == UINT64_C(0xaf63dc4c8601ec8c));
    assert_true(clade_hash_text("foobar") == UINT64_C(0x85944171f73967e8));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sha256_matches_fips_examples),
        cmocka_unit_test(test_neighbouring_texts_do_not_run_together),
        cmocka_unit_test(test_fnv_matches_its_vectors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
