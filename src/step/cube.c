/* SPDX-License-Identifier: Apache-2.0
 * Reading .cube files, and looking colours up in them. */
#include "step/cube.h"

#include <stdarg.h>

enum { LINE_MAX_BYTES = 250, NUMBERS = 3 };

typedef struct cube_parser {
    const char *at, *end, *name;
    uint32_t line;
    size_t filled; /* entries of the table */
    float high[3];
    smalti__cube *cube;
    smalti_error *error;
} cube_parser;

__attribute__((__format__(__printf__, 3, 4))) static smalti_result fail(const cube_parser *parser, smalti_result code,
                                                                        const char *format, ...)
{
    char message[SMALTI__MESSAGE_PART];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    return smalti__fail(parser->error, code, "%s: %s in line %u", SMALTI__SHOWN(parser->name), message, parser->line);
}

/* The next line, without blanks at its ends; false: there is none. */
static bool next_line(cube_parser *parser, char line[LINE_MAX_BYTES + 1], size_t *size)
{
    if (parser->at == parser->end)
        return false;
    const char *stop = memchr(parser->at, '\n', (size_t)(parser->end - parser->at));
    const char *begin = parser->at, *end = stop ? stop : parser->end;
    parser->at = stop ? stop + 1 : parser->end;
    parser->line++;
    while (begin < end && (*begin == ' ' || *begin == '\t'))
        begin++;
    while (end > begin && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r'))
        end--;
    *size = (size_t)(end - begin);
    size_t kept = *size < LINE_MAX_BYTES ? *size : LINE_MAX_BYTES;
    memcpy(line, begin, kept);
    line[kept] = '\0';
    return true;
}

/* The next word of a line, cut off; NULL: there is none. */
static char *next_word(char **line)
{
    char *word = *line + strspn(*line, " \t");
    size_t size = strcspn(word, " \t");
    *line = word + size + (word[size] != '\0');
    word[size] = '\0';
    return size ? word : NULL;
}

static bool read_numbers(char *line, float *numbers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        double number;
        const char *word = next_word(&line);
        if (!word || !smalti__number_parse(word, &number) || !(number > -1e9 && number < 1e9))
            return false;
        numbers[i] = (float)number;
    }
    return !next_word(&line);
}

static size_t entries(const smalti__cube *cube)
{
    size_t size = cube->size;
    return cube->cubic ? size * size * size : size;
}

static smalti_result begin_table(cube_parser *parser, char *rest, bool cubic)
{
    smalti__cube *cube = parser->cube;
    uint32_t most = cubic ? SMALTI__CUBE_EDGE_MAX : SMALTI__CUBE_CURVE_MAX;
    float size;
    if (cube->table)
        return fail(parser, SMALTI_E_UNSUPPORTED, "a second table");
    if (!read_numbers(rest, &size, 1) || !(size >= 2 && size <= (float)most) || size != (float)(uint32_t)size)
        return fail(parser, SMALTI_E_FORMAT, "a size that is not 2 to %u", most);
    cube->size = (uint32_t)size;
    cube->cubic = cubic;
    /* a line of an entry has 6 bytes at least: a file cannot ask for more than it could fill */
    if ((size_t)(parser->end - parser->at) / 6 + 1 < entries(cube))
        return fail(parser, SMALTI_E_FORMAT_TRUNCATED, "%zu entries that the file has not", entries(cube));
    cube->table = malloc(entries(cube) * NUMBERS * sizeof *cube->table);
    return cube->table ? SMALTI_OK : smalti__fail_nomem(parser->error, entries(cube) * NUMBERS * sizeof *cube->table);
}

static smalti_result read_entry(cube_parser *parser, char *line)
{
    smalti__cube *cube = parser->cube;
    if (!cube->table || parser->filled == entries(cube))
        return fail(parser, SMALTI_E_FORMAT, cube->table ? "more entries than the table has" : "an unknown word");
    if (!read_numbers(line, cube->table + parser->filled * NUMBERS, NUMBERS))
        return fail(parser, SMALTI_E_FORMAT, "not three numbers");
    parser->filled++;
    return SMALTI_OK;
}

static smalti_result read_line(cube_parser *parser, char *line)
{
    smalti__cube *cube = parser->cube;
    if (*line != '_' && (*line < 'A' || *line > 'Z'))
        return read_entry(parser, line);
    const char *word = next_word(&line);
    if (!strcmp(word, "TITLE"))
        return SMALTI_OK;
    if (!strcmp(word, "LUT_1D_SIZE") || !strcmp(word, "LUT_3D_SIZE"))
        return begin_table(parser, line, word[4] == '3');
    bool minimum = !strcmp(word, "DOMAIN_MIN");
    if (minimum || !strcmp(word, "DOMAIN_MAX"))
        return read_numbers(line, minimum ? cube->low : parser->high, NUMBERS)
                   ? SMALTI_OK
                   : fail(parser, SMALTI_E_FORMAT, "not three numbers");
    /* of other programs: the same bounds for all channels */
    float bounds[2];
    if (!strcmp(word, "LUT_1D_INPUT_RANGE") || !strcmp(word, "LUT_3D_INPUT_RANGE")) {
        if (!read_numbers(line, bounds, 2))
            return fail(parser, SMALTI_E_FORMAT, "not two numbers");
        for (int c = 0; c < NUMBERS; c++)
            cube->low[c] = bounds[0], parser->high[c] = bounds[1];
        return SMALTI_OK;
    }
    char shown[48];
    return fail(parser, SMALTI_E_FORMAT, "an unknown word '%s'",
                smalti__printable(word, strlen(word), shown, sizeof shown));
}

static smalti_result parse(cube_parser *parser)
{
    smalti__cube *cube = parser->cube;
    char line[LINE_MAX_BYTES + 1];
    size_t size;
    while (next_line(parser, line, &size)) {
        if (!size || *line == '#')
            continue;
        if (size > LINE_MAX_BYTES)
            return fail(parser, SMALTI_E_FORMAT, "more than %d bytes", LINE_MAX_BYTES);
        SMALTI__TRY(read_line(parser, line));
    }
    if (!cube->table)
        return fail(parser, SMALTI_E_FORMAT, "no table");
    if (parser->filled < entries(cube))
        return fail(parser, SMALTI_E_FORMAT_TRUNCATED, "the end after %zu of %zu entries", parser->filled,
                    entries(cube));
    for (int c = 0; c < NUMBERS; c++) {
        float length = parser->high[c] - cube->low[c];
        if (!(length > 1e-9f))
            return fail(parser, SMALTI_E_FORMAT, "a domain that is empty");
        cube->scale[c] = (float)(cube->size - 1) / length;
    }
    return SMALTI_OK;
}

smalti_result smalti__cube_parse(const char *text, size_t size, const char *name, smalti__cube *cube,
                                 smalti_error *error)
{
    smalti__cube made = {0};
    cube_parser parser = {
        .at = text, .end = text + size, .name = name, .high = {1, 1, 1}, .cube = &made, .error = error};
    smalti_result result = parse(&parser);
    if (result < 0)
        smalti__cube_clear(&made);
    else
        *cube = made;
    return result;
}

void smalti__cube_clear(smalti__cube *cube)
{
    free(cube->table);
    *cube = (smalti__cube){0};
}

/* ---- looking up ---- */

/* A place in the table: the entry below, and how far it is to the next. */
static uint32_t place(const smalti__cube *cube, int c, float value, float *fraction)
{
    float last = (float)(cube->size - 1), at = (value - cube->low[c]) * cube->scale[c];
    at = at > 0 ? at < last ? at : last : 0; /* NaN is 0 */
    uint32_t index = (uint32_t)at;
    index -= index == cube->size - 1;
    *fraction = at - (float)index;
    return index;
}

/* The cell is cut into six tetrahedra, along its gray diagonal; in one of them lies the colour. The way leads from the
 * corner below to the one above along three edges, that of the largest fraction first. */
static void look_up(const smalti__cube *cube, const uint32_t index[3], const float fraction[3], float out[3])
{
    const size_t step[3] = {3, (size_t)3 * cube->size, (size_t)3 * cube->size * cube->size};
    const float *at = cube->table + index[0] * step[0] + index[1] * step[1] + index[2] * step[2];
    int order[3] = {0, 1, 2}, swap;
#define ORDER(a, b)                              \
    if (fraction[order[a]] < fraction[order[b]]) \
    swap = order[a], order[a] = order[b], order[b] = swap
    ORDER(0, 1);
    ORDER(1, 2);
    ORDER(0, 1);
#undef ORDER
    float weight = 1 - fraction[order[0]];
    for (int c = 0; c < 3; c++)
        out[c] = weight * at[c];
    for (int k = 0; k < 3; k++) {
        at += step[order[k]];
        weight = fraction[order[k]] - (k < 2 ? fraction[order[k + 1]] : 0);
        for (int c = 0; c < 3; c++)
            out[c] += weight * at[c];
    }
}

void smalti__cube_apply(const smalti__cube *cube, const float in[3], float out[3])
{
    uint32_t index[3];
    float fraction[3];
    for (int c = 0; c < 3; c++)
        index[c] = place(cube, c, in[c], &fraction[c]);
    if (cube->cubic) {
        look_up(cube, index, fraction, out);
        return;
    }
    for (int c = 0; c < 3; c++) {
        const float *at = cube->table + (size_t)3 * index[c] + c;
        out[c] = at[0] + (at[3] - at[0]) * fraction[c];
    }
}
