/* SPDX-License-Identifier: Apache-2.0
 * Values of attributes from text. */
#include "exr/exr.h"

#include <errno.h>
#include <math.h>

enum { NUMBERS = 1 << 16, TEXT_MOST = 1 << 26 };

typedef struct value {
    uint8_t *bytes; /* owned */
    size_t size;
    const char *type;
    smalti_error *error;
} value;

static smalti_result fail(const value *v, smalti_result code, const char *what)
{
    char shown[64];
    return smalti__fail(v->error, code, "a value of type %s %s",
                        smalti__printable(v->type, strnlen(v->type, 40), shown, sizeof shown), what);
}

static smalti_result make(value *v, size_t size)
{
    v->bytes = calloc(1, size ? size : 1);
    v->size = size;
    return v->bytes ? SMALTI_OK : smalti__fail_nomem(v->error, size);
}

static const char *skip(const char *at)
{
    while (*at == ' ' || *at == ',' || *at == '\t' || *at == '\n')
        at++;
    return at;
}

/* ---- Numbers ---- */

typedef enum number_form { INTEGER, UNSIGNED, SINGLE, DOUBLE } number_form;

static smalti_result put_number(value *v, number_form form, uint8_t *out, const char **at)
{
    char *end;
    errno = 0;
    if (form == INTEGER || form == UNSIGNED) {
        long long number = strtoll(*at, &end, 10);
        if (end == *at)
            return fail(v, SMALTI_E_INVALID_TYPE, "is made of whole numbers");
        if (errno || number < (form == INTEGER ? INT32_MIN : 0) || number > (form == INTEGER ? INT32_MAX : UINT32_MAX))
            return fail(v, SMALTI_E_INVALID_RANGE, "has numbers of 32 bits");
        smalti__put_le32(out, (uint32_t)number);
    } else {
        double number = strtod(*at, &end);
        uint64_t word;
        uint32_t half_word;
        if (end == *at)
            return fail(v, SMALTI_E_INVALID_TYPE, "is made of numbers");
        float single = (float)number;
        if (form == SINGLE && isfinite(number) && !isfinite(single))
            return fail(v, SMALTI_E_INVALID_RANGE, "has a number that is too large");
        memcpy(&word, &number, sizeof word);
        memcpy(&half_word, &single, sizeof half_word);
        if (form == SINGLE)
            smalti__put_le32(out, half_word);
        else
            smalti__put_le64(out, word);
    }
    *at = skip(end);
    return SMALTI_OK;
}

/* count numbers; 0: as many as there are. */
static smalti_result numbers(value *v, const char *text, number_form form, size_t count)
{
    size_t bytes = form == DOUBLE ? 8 : 4;
    const char *at = skip(text);
    size_t room = count;
    if (!count)
        for (const char *p = at; *p && room < NUMBERS; p = skip(p + strcspn(p, " ,\t\n")))
            room++;
    SMALTI__TRY(make(v, room * bytes));
    for (size_t i = 0; i < room; i++) {
        if (!*at)
            return fail(v, SMALTI_E_INVALID_TYPE, "has more numbers");
        SMALTI__TRY(put_number(v, form, v->bytes + i * bytes, &at));
    }
    return *at ? fail(v, SMALTI_E_INVALID_TYPE, "has fewer numbers") : SMALTI_OK;
}

static smalti_result rational(value *v, const char *text)
{
    SMALTI__TRY(make(v, 8));
    const char *at = skip(text);
    SMALTI__TRY(put_number(v, INTEGER, v->bytes, &at));
    if (*at == '/')
        at = skip(at + 1);
    if (!*at) {
        smalti__put_le32(v->bytes + 4, 1);
        return SMALTI_OK;
    }
    SMALTI__TRY(put_number(v, UNSIGNED, v->bytes + 4, &at));
    return *at ? fail(v, SMALTI_E_INVALID_TYPE, "is like 24000/1001") : SMALTI_OK;
}

/* "12:34:56:07"; ";" or "." before the frame for drop-frame time */
static smalti_result timecode(value *v, const char *text)
{
    static const unsigned most[4] = {23, 59, 59, 59}, shifts[4] = {24, 16, 8, 0};
    uint32_t word = 0;
    const char *at = text;
    SMALTI__TRY(make(v, 8));
    for (int i = 0; i < 4; i++) {
        char *end;
        if (*at < '0' || *at > '9')
            return fail(v, SMALTI_E_INVALID_TYPE, "is like 12:34:56:07");
        unsigned long number = strtoul(at, &end, 10);
        if (number > most[i])
            return fail(v, SMALTI_E_INVALID_RANGE, "ends at 23:59:59:59");
        word |= (uint32_t)(number / 10 << 4 | number % 10) << shifts[i];
        at = end;
        if (i == 2 && (*at == ';' || *at == '.'))
            word |= 0x40;
        else if (i < 3 && *at != ':')
            return fail(v, SMALTI_E_INVALID_TYPE, "is like 12:34:56:07");
        at += i < 3;
    }
    smalti__put_le32(v->bytes, word);
    return *at ? fail(v, SMALTI_E_INVALID_TYPE, "is like 12:34:56:07") : SMALTI_OK;
}

/* ---- Texts, names, bytes ---- */

static smalti_result texts(value *v, const char *text)
{
    SMALTI__TRY(make(v, strlen(text) * 5 + 4));
    size_t used = 0;
    for (const char *at = text; *text;) {
        size_t size = strcspn(at, ",");
        smalti__put_le32(v->bytes + used, (uint32_t)size);
        memcpy(v->bytes + used + 4, at, size);
        used += 4 + size;
        if (!at[size])
            break;
        at += size + 1;
    }
    v->size = used;
    return SMALTI_OK;
}

static smalti_result one_of(value *v, const char *text, const char *const *names, size_t count)
{
    SMALTI__TRY(make(v, 1));
    for (size_t i = 0; i < count; i++)
        if (!strcmp(text, names[i])) {
            v->bytes[0] = (uint8_t)i;
            return SMALTI_OK;
        }
    return fail(v, SMALTI_E_INVALID_RANGE, "is one of a few names");
}

static int digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static smalti_result hexadecimal(value *v, const char *text)
{
    size_t size = strlen(text);
    SMALTI__TRY(make(v, size / 2));
    for (size_t i = 0; i + 1 < size; i += 2) {
        if (digit(text[i]) < 0 || digit(text[i + 1]) < 0)
            return fail(v, SMALTI_E_INVALID_TYPE, "is made of hexadecimal digits");
        v->bytes[i / 2] = (uint8_t)(digit(text[i]) << 4 | digit(text[i + 1]));
    }
    return size % 2 ? fail(v, SMALTI_E_INVALID_TYPE, "is made of pairs of hexadecimal digits") : SMALTI_OK;
}

/* ---- By type ---- */

static smalti_result from_name(value *v, smalti_exr_type type, const char *text)
{
    static const char *const maps[] = {"latlong", "cube"}, *const orders[] = {"increasing", "decreasing", "random"};
    static const char *const states[] = {"messy", "sorted", "non-overlapping", "tidy"};
    const char *compressions[SMALTI_EXR_HTJ2K32 + 1];
    for (smalti_exr_compression i = SMALTI_EXR_NONE; i <= SMALTI_EXR_HTJ2K32; i++)
        compressions[i] = smalti_exr_compression_name(i);
    switch (type) {
    case SMALTI_EXR_TYPE_COMPRESSION:
        return one_of(v, text, compressions, SMALTI__COUNT(compressions));
    case SMALTI_EXR_TYPE_ENVMAP:
        return one_of(v, text, maps, SMALTI__COUNT(maps));
    case SMALTI_EXR_TYPE_LINE_ORDER:
        return one_of(v, text, orders, SMALTI__COUNT(orders));
    case SMALTI_EXR_TYPE_DEEP_IMAGE_STATE:
        return one_of(v, text, states, SMALTI__COUNT(states));
    default:
        return hexadecimal(v, text);
    }
}

static smalti_result from_text(value *v, smalti_exr_type type, const char *text)
{
    static const struct {
        uint8_t type, form, count;
    } arrays[] = {
        {SMALTI_EXR_TYPE_INT, INTEGER, 1},         {SMALTI_EXR_TYPE_V2I, INTEGER, 2},
        {SMALTI_EXR_TYPE_V3I, INTEGER, 3},         {SMALTI_EXR_TYPE_BOX2I, INTEGER, 4},
        {SMALTI_EXR_TYPE_KEYCODE, INTEGER, 7},     {SMALTI_EXR_TYPE_FLOAT, SINGLE, 1},
        {SMALTI_EXR_TYPE_V2F, SINGLE, 2},          {SMALTI_EXR_TYPE_V3F, SINGLE, 3},
        {SMALTI_EXR_TYPE_BOX2F, SINGLE, 4},        {SMALTI_EXR_TYPE_M33F, SINGLE, 9},
        {SMALTI_EXR_TYPE_M44F, SINGLE, 16},        {SMALTI_EXR_TYPE_CHROMATICITIES, SINGLE, 8},
        {SMALTI_EXR_TYPE_FLOAT_VECTOR, SINGLE, 0}, {SMALTI_EXR_TYPE_DOUBLE, DOUBLE, 1},
        {SMALTI_EXR_TYPE_V2D, DOUBLE, 2},          {SMALTI_EXR_TYPE_V3D, DOUBLE, 3},
        {SMALTI_EXR_TYPE_M33D, DOUBLE, 9},         {SMALTI_EXR_TYPE_M44D, DOUBLE, 16},
    };
    for (size_t i = 0; i < SMALTI__COUNT(arrays); i++)
        if (arrays[i].type == type)
            return numbers(v, text, (number_form)arrays[i].form, arrays[i].count);
    switch (type) {
    case SMALTI_EXR_TYPE_STRING:
        SMALTI__TRY(make(v, strlen(text)));
        memcpy(v->bytes, text, v->size);
        return SMALTI_OK;
    case SMALTI_EXR_TYPE_STRING_VECTOR:
        return texts(v, text);
    case SMALTI_EXR_TYPE_RATIONAL:
        return rational(v, text);
    case SMALTI_EXR_TYPE_TIMECODE:
        return timecode(v, text);
    case SMALTI_EXR_TYPE_TILEDESC:
    case SMALTI_EXR_TYPE_CHLIST:
    case SMALTI_EXR_TYPE_PREVIEW:
        return fail(v, SMALTI_E_INVALID_TYPE, "cannot be given as text");
    default:
        return from_name(v, type, text);
    }
}

smalti_result smalti_exr_value_from_text(const char *type_name, const char *text, void **bytes, uint32_t *value_bytes,
                                         smalti_error *error)
{
    value v = {.type = type_name, .error = error};
    uint32_t fixed;
    if (strnlen(text, TEXT_MOST) == TEXT_MOST)
        return fail(&v, SMALTI_E_LIMIT, "is too long");
    smalti_result result = from_text(&v, smalti__exr_type_find(type_name, strlen(type_name), &fixed), text);
    if (result < 0) {
        free(v.bytes);
        return result;
    }
    *bytes = v.bytes;
    *value_bytes = (uint32_t)v.size;
    return SMALTI_OK;
}
