/* SPDX-License-Identifier: Apache-2.0
 * Numbers as text, whatever the program's locale. */
#include "base/base.h"

#include <locale.h>
#include <math.h>
#include <pthread.h>

static locale_t c_locale;

static void make_locale(void)
{
    c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

static locale_t plain_locale(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_locale);
    return c_locale;
}

const char *smalti__number_text(double number, char out[SMALTI__NUMBER_TEXT])
{
    locale_t before = uselocale(plain_locale());
    snprintf(out, SMALTI__NUMBER_TEXT, "%.10g", number);
    uselocale(before);
    return out;
}

bool smalti__number_parse(const char *text, double *number)
{
    const char *p = text + (*text == '-' || *text == '+');
    if (!((*p >= '0' && *p <= '9') || (*p == '.' && p[1] >= '0' && p[1] <= '9')) || p[strspn(p, "0123456789.eE+-")])
        return false;
    char *end;
    *number = strtod_l(text, &end, plain_locale());
    return !*end && isfinite(*number);
}
