/* SPDX-License-Identifier: Apache-2.0
 * Parameters from text. */
#include <locale.h>

#include "kernel/instance.h"

#include "test.h"

static int32_t nothing(const void *tile)
{
    (void)tile;
    return 0;
}

static smalti_kernel *sharpen(const char *params)
{
    char text[1024];
    smalti_error error;
    smalti_kernel *kernel;
    snprintf(
        text, sizeof text,
        "{\"name\":\"sharpen\",\"version\":\"1\",\"summary\":\"\",\"kind\":\"tile\",\"abi\":1,\"samples\":[\"u8\"],"
        "\"channels\":[1],\"params\":[%s]}",
        params);
    CHECK_OK(smalti__kernel_load_native(text, &(smalti__native){.tile = nothing}, &kernel, &error), error);
    return kernel;
}

#define TWO                                                                            \
    "{\"name\":\"amount\",\"type\":\"number\",\"min\":-1,\"max\":10.5,\"default\":1}," \
    "{\"name\":\"radius\",\"type\":\"integer\",\"min\":1,\"max\":50,\"default\":2,\"unit\":\"px\"}"

TEST("values are read and defaults filled in")
{
    smalti_kernel *kernel = sharpen(TWO);
    double p[2];
    smalti_error error;
    CHECK_OK(smalti_kernel_params_parse(kernel, NULL, p, &error), error);
    CHECK(p[0] == 1 && p[1] == 2);
    CHECK_OK(smalti_kernel_params_parse(kernel, "", p, &error), error);
    CHECK_OK(smalti_kernel_params_parse(kernel, "radius=50", p, &error), error);
    CHECK(p[0] == 1 && p[1] == 50);
    CHECK_OK(smalti_kernel_params_parse(kernel, "radius=3,amount=-7.5e-1", p, &error), error);
    CHECK(p[0] == -0.75 && p[1] == 3);
    CHECK_OK(smalti_kernel_params_parse(kernel, "amount=.5,radius=1.0", p, &error), error);
    CHECK(p[0] == 0.5 && p[1] == 1);
    smalti_kernel_unref(kernel);
}

TEST("a wrong parameter is an error that lists the right ones")
{
    static const struct {
        const char *text;
        smalti_result code;
        const char *part;
    } cases[] = {
        {"amout=1", SMALTI_E_INVALID_KEY, "kernel sharpen has no parameter 'amout'"},
        {"=1", SMALTI_E_INVALID_KEY, "has no parameter ''"},
        {"amount", SMALTI_E_INVALID_TYPE, "wants name=value, not 'amount'"},
        {"amount=1,", SMALTI_E_INVALID_TYPE, "wants name=value, not ''"},
        {"amount=1,amount=2", SMALTI_E_INVALID_KEY, "is given twice the parameter 'amount'"},
        {"amount=", SMALTI_E_INVALID_TYPE, "wants a number, not 'amount='"},
        {"amount=one", SMALTI_E_INVALID_TYPE, "wants a number"},
        {"amount=nan", SMALTI_E_INVALID_TYPE, "wants a number"},
        {"amount=-inf", SMALTI_E_INVALID_TYPE, "wants a number"},
        {"amount=0x1", SMALTI_E_INVALID_TYPE, "wants a number"},
        {"amount=1 ", SMALTI_E_INVALID_TYPE, "wants a number"},
        {"amount= 1", SMALTI_E_INVALID_TYPE, "wants a number"},
        {"amount=1e999", SMALTI_E_INVALID_TYPE, "wants a number"},
        {"amount=1.2.3", SMALTI_E_INVALID_TYPE, "wants a number"},
        {"amount=10.6", SMALTI_E_INVALID_RANGE, "is given a value out of range: 'amount=10.6'"},
        {"radius=0", SMALTI_E_INVALID_RANGE, "out of range"},
        {"radius=2.5", SMALTI_E_INVALID_TYPE, "wants a whole number, not 'radius=2.5'"},
        {"a\n=1", SMALTI_E_INVALID_KEY, "'a\\x0a'"},
    };
    smalti_kernel *kernel = sharpen(TWO);
    for (size_t i = 0; i < SMALTI__COUNT(cases); i++) {
        double p[2];
        smalti_error error = {0};
        CHECK_INT(smalti_kernel_params_parse(kernel, cases[i].text, p, &error), cases[i].code);
        CHECK_HAS(error.message, cases[i].part);
        CHECK_HAS(error.message, "; it has amount (-1…10.5, default 1), radius (1…50 px, whole, default 2)");
    }
    smalti_kernel_unref(kernel);
    kernel = sharpen("");
    smalti_error error;
    CHECK_INT(smalti_kernel_params_parse(kernel, "a=1", NULL, &error), SMALTI_E_INVALID_KEY);
    CHECK_HAS(error.message, "it has no parameters");
    smalti_kernel_unref(kernel);
}

TEST("numbers have a decimal point in every locale")
{
    if (!setlocale(LC_ALL, "de_DE.UTF-8") && !setlocale(LC_ALL, "fr_FR.UTF-8"))
        TEST_SKIP("no locale with a decimal comma is installed");
    smalti_kernel *kernel = sharpen(TWO);
    double p[2];
    smalti_error error;
    smalti_result good = smalti_kernel_params_parse(kernel, "amount=0.25", p, &error);
    smalti_result bad = smalti_kernel_params_parse(kernel, "amount=0,25", p, &error);
    setlocale(LC_ALL, "C");
    CHECK_INT(good, 0);
    CHECK_INT(bad, SMALTI_E_INVALID_TYPE);
    CHECK_HAS(error.message, "10.5");
    smalti_kernel_unref(kernel);
}
