/* SPDX-License-Identifier: Apache-2.0
 * Text that the command gathers: numbers that are read back the same, JSON that parses whatever the bytes. */
#include "test.h"

#include <jansson.h>
#include <math.h>

#include "cli/buffer.h"

static cli_buffer out;

static const char *text(void)
{
    cli_buffer_add(&out, "", 1);
    out.size = 0;
    out.comma = false;
    CHECK(!out.lost);
    return out.data;
}

static const char *real(double number)
{
    cli_buffer_real(&out, number);
    return text();
}

TEST("numbers are as short as they can be")
{
    const struct {
        double number;
        const char *text;
    } cases[] = {{0, "0"},
                 {1, "1"},
                 {-24, "-24"},
                 {0.5, "0.5"},
                 {-0.25, "-0.25"},
                 {(double)0.1f, "0.1"},
                 {1e14, "100000000000000"},
                 {(double)0.02083f, "0.02083"},
                 {(double)2.2f, "2.2"},
                 {0.1, "0.1"},
                 {(double)1e-7f, "1e-07"},
                 {(double)3.14159274f, "3.1415927"},
                 {1e300, "1e+300"},
                 {-0.0, "-0"},
                 {(double)999.999f, "999.999"},
                 {(double)0.001f, "0.001"}};
    for (size_t i = 0; i < CLI_COUNT(cases); i++)
        CHECK_STR(real(cases[i].number), cases[i].text);
    cli_buffer_number(&out, INT64_MIN);
    CHECK_STR(text(), "-9223372036854775808");
}

TEST("every number is read back the same")
{
    uint32_t word = 1;
    for (int i = 0; i < 200000; i++) {
        float number;
        word = word * 1664525 + 1013904223;
        memcpy(&number, &word, sizeof number);
        if (i % 2)
            number = (float)(int32_t)word / (float)(1 << (i % 30));
        if (isfinite(number) && strtof(real((double)number), NULL) != number)
            TEST_FAIL("%.9g became %s", (double)number, out.data);
        double wide = (double)number * 1.1;
        if (isfinite(wide) && (double)(float)wide != wide && strtod(real(wide), NULL) != wide)
            TEST_FAIL("%.17g became %s", wide, out.data);
    }
}

TEST("JSON parses, whatever stands in its texts")
{
    for (int seed = 0; seed < 2000; seed++) {
        char bytes[40];
        uint32_t word = (uint32_t)seed;
        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = (char)((word = word * 1664525 + 1013904223) >> (seed % 3 ? 24 : 25));
        cli_buffer_open(&out, NULL, '{');
        cli_buffer_json_text(&out, "text", bytes, sizeof bytes);
        cli_buffer_json_real(&out, "nothing", NAN);
        cli_buffer_open(&out, "list", '[');
        cli_buffer_json_count(&out, NULL, UINT64_MAX / 2);
        cli_buffer_json_bool(&out, NULL, true);
        cli_buffer_close(&out, ']');
        cli_buffer_close(&out, '}');
        json_error_t wrong;
        json_t *root = json_loads(text(), JSON_ALLOW_NUL, &wrong);
        if (!root)
            TEST_FAIL("%s: %s", wrong.text, out.data);
        CHECK(json_is_null(json_object_get(root, "nothing")) && json_array_size(json_object_get(root, "list")) == 2);
        if (seed % 3 == 0) /* ASCII only: the same bytes */
            CHECK(!memcmp(json_string_value(json_object_get(root, "text")), bytes, sizeof bytes));
        json_decref(root);
    }
}

TEST("text for the terminal has no control characters")
{
    cli_buffer_printable(&out, "a\x1b[31m\xff\xc3\xa9\n", 10);
    CHECK_STR(text(), "a\\x1b[31m\\xff\xc3\xa9\\x0a");
    cli_buffer_clear(&out);
}
