/* SPDX-License-Identifier: Apache-2.0
 * Cryptomatte manifests: entries are counted, and what a JSON parser would refuse is refused. */
#include "test.h"

#include <jansson.h>

#include "cli/exr.h"

TEST("entries of a manifest are counted")
{
    const struct {
        const char *text;
        uint64_t entries;
    } cases[] = {
        {"{}", 0},
        {" { } ", 0},
        {"{\"a\":\"01234567\"}", 1},
        {"{ \"a\" : \"0\" ,\n\"b\":\"1\"\t}", 2},
        {"{\"a \\\" b\\\\\":\"0\",\"\\u00e9\":\"1\",\"\\\\\":\"\"}", 3},
        {"{\"\xc3\xa9\xe2\x82\xac\":\"0\"}", 1},
    };
    for (size_t i = 0; i < CLI_COUNT(cases); i++) {
        uint64_t entries = 99;
        if (!exr_crypto_count(cases[i].text, strlen(cases[i].text), &entries) || entries != cases[i].entries)
            TEST_FAIL("%s: %llu", cases[i].text, (unsigned long long)entries);
    }
}

TEST("what is no manifest is refused")
{
    static const char *const cases[] = {"",
                                        "x",
                                        "{",
                                        "[]",
                                        "{\"a\"}",
                                        "{\"a\":1}",
                                        "{\"a\":\"b\",}",
                                        "{\"a\":\"b\"} x",
                                        "{\"a\":\"b\"",
                                        "{\"a\":\"b",
                                        "{\"a\":\"b\\\"}",
                                        "{\"a\n\":\"b\"}",
                                        "{\"a\\x\":\"b\"}",
                                        "{\"a\\u12g4\":\"b\"}",
                                        "{\"\xff\":\"b\"}",
                                        "{\"\xc3\":\"b\"}",
                                        "{,\"a\":\"b\"}"};
    uint64_t entries;
    for (size_t i = 0; i < CLI_COUNT(cases); i++)
        if (exr_crypto_count(cases[i], strlen(cases[i]), &entries))
            TEST_FAIL("%s", cases[i]);
}

TEST("what is taken is what a JSON parser takes")
{
    /* every byte of a good manifest made every other byte */
    static const char good[] = "{\"a\":\"b\\n\",\"c\\u0041\":\"\xc3\xa9\"}";
    for (size_t at = 0; at < sizeof good - 1; at++)
        for (int byte = 1; byte < 256; byte++) {
            char text[sizeof good];
            uint64_t entries;
            memcpy(text, good, sizeof good);
            text[at] = (char)byte;
            json_t *root = json_loads(text, 0, NULL);
            bool taken = exr_crypto_count(text, strlen(text), &entries);
            if (taken && (!root || (json_object_size(root) != entries && at != 2 && at != 11)))
                TEST_FAIL("taken: %s", text);
            json_decref(root);
        }
}
