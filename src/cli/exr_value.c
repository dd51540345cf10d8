/* SPDX-License-Identifier: Apache-2.0
 * Values of EXR attributes as JSON and as text. */
#include "cli/exr.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBERS_MOST = 1024, HEX_MOST = 64, TEXT_MOST = 200, TEXTS_MOST = 20 };

uint32_t exr_width(const smalti_exr_box *box)
{
    return (uint32_t)((int64_t)box->max_x - box->min_x + 1);
}

uint32_t exr_height(const smalti_exr_box *box)
{
    return (uint32_t)((int64_t)box->max_y - box->min_y + 1);
}

size_t exr_layer_bytes(const smalti_exr_channel *channel)
{
    const char *dot = strrchr(channel->name, '.');
    return dot ? (size_t)(dot - channel->name) : 0;
}

static void add_hex(cli_buffer *out, const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        cli_buffer_format(out, "%02x", bytes[i]);
}

/* "12:34:56:07", with a semicolon before the frame for drop-frame time */
static void timecode_text(const smalti_exr_timecode *time, char text[32])
{
    const uint32_t fields[] = {time->hours, time->minutes, time->seconds, time->frame};
    for (int i = 0; i < 4; i++) {
        *text++ = (char)('0' + fields[i] / 10 % 10);
        *text++ = (char)('0' + fields[i] % 10);
        *text++ = i == 3 ? 0 : i == 2 && time->drop_frame ? ';' : ':';
    }
}

static void timecode_json(const smalti_exr_attribute *attribute, const char *key, cli_buffer *out)
{
    smalti_exr_timecode time;
    char text[32];
    smalti_exr_attribute_timecode(attribute, &time);
    timecode_text(&time, text);
    cli_buffer_open(out, key, '{');
    cli_buffer_json_string(out, "time", text);
    cli_buffer_json_bool(out, "drop_frame", time.drop_frame);
    cli_buffer_json_bool(out, "color_frame", time.color_frame);
    cli_buffer_json_bool(out, "field_phase", time.field_phase);
    cli_buffer_json_count(out, "user_data", time.user_data);
    cli_buffer_close(out, '}');
}

/* Enumerations by their names; NULL: not one, or out of range. */
static const char *enumeration(const smalti_exr_attribute *attribute)
{
    static const char *const maps[] = {"latlong", "cube"};
    static const char *const states[] = {"messy", "sorted", "non-overlapping", "tidy"};
    uint8_t value = attribute->value && attribute->size == 1 ? attribute->value[0] : 255;
    switch (attribute->type) {
    case SMALTI_EXR_TYPE_ENVMAP:
        return value < CLI_COUNT(maps) ? maps[value] : NULL;
    case SMALTI_EXR_TYPE_DEEP_IMAGE_STATE:
        return value < CLI_COUNT(states) ? states[value] : NULL;
    case SMALTI_EXR_TYPE_COMPRESSION:
        return smalti_exr_compression_name((smalti_exr_compression)value);
    case SMALTI_EXR_TYPE_LINE_ORDER:
        return smalti_exr_line_order_name(value);
    default:
        return NULL;
    }
}

static void numbers_json(const smalti_exr_attribute *attribute, const char *key, cli_buffer *out)
{
    double few[NUMBERS_MOST], *numbers = few;
    size_t count = smalti_exr_attribute_numbers(attribute, few, NUMBERS_MOST);
    if (count == 1 && attribute->type != SMALTI_EXR_TYPE_FLOAT_VECTOR) {
        cli_buffer_json_real(out, key, numbers[0]);
        return;
    }
    if (count > NUMBERS_MOST) {
        numbers = malloc(count * sizeof *numbers);
        if (!numbers)
            out->lost = true;
        else
            smalti_exr_attribute_numbers(attribute, numbers, count);
    }
    cli_buffer_open(out, key, '[');
    for (size_t i = 0; numbers && i < count; i++)
        cli_buffer_json_real(out, NULL, numbers[i]);
    cli_buffer_close(out, ']');
    if (numbers != few)
        free(numbers);
}

/* Bytes of a value that has no other form. */
static void bytes_json(const exr_show *show, const smalti_exr_attribute *attribute, const char *key, cli_buffer *out)
{
    if (attribute->size > HEX_MOST && !show->full) {
        cli_buffer_json_raw(out, key, "null");
        return;
    }
    if (out->comma)
        cli_buffer_add(out, ",", 1);
    cli_buffer_format(out, "\"%s\":\"", key);
    add_hex(out, attribute->value, attribute->size);
    cli_buffer_add(out, "\"", 1);
    out->comma = true;
}

void exr_value_json(const exr_show *show, const smalti_exr *exr, const smalti_exr_attribute *attribute, const char *key,
                    cli_buffer *out)
{
    smalti_exr_text text;
    const char *name = enumeration(attribute);
    (void)exr;
    if (!attribute->value) {
        cli_buffer_json_raw(out, key, "null");
        return;
    }
    if (name) {
        cli_buffer_json_string(out, key, name);
        return;
    }
    switch (attribute->type) {
    case SMALTI_EXR_TYPE_STRING:
        cli_buffer_json_text(out, key, (const char *)attribute->value, attribute->size);
        return;
    case SMALTI_EXR_TYPE_STRING_VECTOR:
        cli_buffer_open(out, key, '[');
        for (size_t i = 0; smalti_exr_attribute_text(attribute, i, &text); i++)
            cli_buffer_json_text(out, NULL, text.data, text.size);
        cli_buffer_close(out, ']');
        return;
    case SMALTI_EXR_TYPE_TIMECODE:
        timecode_json(attribute, key, out);
        return;
    case SMALTI_EXR_TYPE_UNKNOWN:
    case SMALTI_EXR_TYPE_BYTES:
    case SMALTI_EXR_TYPE_CHLIST:
    case SMALTI_EXR_TYPE_PREVIEW:
    case SMALTI_EXR_TYPE_ID_MANIFEST:
        bytes_json(show, attribute, key, out);
        return;
    default:
        numbers_json(attribute, key, out);
    }
}

/* ---- For people ---- */

static void text_shortened(const exr_show *show, const char *text, size_t size, cli_buffer *out)
{
    bool cut = size > TEXT_MOST && !show->full;
    cli_buffer_printable(out, text, cut ? TEXT_MOST : size);
    if (cut)
        cli_buffer_format(out, "... (%zu bytes)", size);
}

static void numbers_text(const smalti_exr_attribute *attribute, cli_buffer *out)
{
    double numbers[TEXTS_MOST];
    size_t count = smalti_exr_attribute_numbers(attribute, numbers, TEXTS_MOST);
    if (attribute->type == SMALTI_EXR_TYPE_RATIONAL) {
        cli_buffer_real(out, numbers[0]);
        cli_buffer_text(out, "/");
        cli_buffer_real(out, numbers[1]);
        if (numbers[1] != 0)
            cli_buffer_format(out, " (%.6g)", numbers[0] / numbers[1]);
        return;
    }
    for (size_t i = 0; i < count && i < TEXTS_MOST; i++) {
        if (i)
            cli_buffer_text(out, " ");
        if (isfinite(numbers[i]))
            cli_buffer_real(out, numbers[i]);
        else
            cli_buffer_format(out, "%g", numbers[i]);
    }
    if (count > TEXTS_MOST)
        cli_buffer_format(out, " ... (%zu numbers)", count);
}

void exr_value_text(const exr_show *show, const smalti_exr_attribute *attribute, cli_buffer *out)
{
    smalti_exr_timecode time;
    smalti_exr_text text;
    char number[32];
    const char *name = enumeration(attribute);
    double numbers[1];
    if (!attribute->value) {
        cli_buffer_format(out, "(%s of %s, not read)", attribute->type_name,
                          cli_bytes_text(attribute->size, number, sizeof number));
    } else if (name) {
        cli_buffer_text(out, name);
    } else if (smalti_exr_attribute_timecode(attribute, &time)) {
        timecode_text(&time, number);
        cli_buffer_text(out, number);
    } else if (attribute->type == SMALTI_EXR_TYPE_STRING) {
        text_shortened(show, (const char *)attribute->value, attribute->size, out);
    } else if (attribute->type == SMALTI_EXR_TYPE_STRING_VECTOR) {
        for (size_t i = 0; smalti_exr_attribute_text(attribute, i, &text); i++) {
            cli_buffer_text(out, i ? ", " : "");
            text_shortened(show, text.data, text.size, out);
        }
    } else if (smalti_exr_attribute_numbers(attribute, numbers, 1)) {
        numbers_text(attribute, out);
    } else {
        cli_buffer_text(out, "(");
        cli_buffer_printable(out, attribute->type_name, strlen(attribute->type_name));
        cli_buffer_format(out, " of %s", cli_bytes_text(attribute->size, number, sizeof number));
        if (attribute->size && attribute->size <= HEX_MOST) {
            cli_buffer_text(out, ": ");
            add_hex(out, attribute->value, attribute->size);
        }
        cli_buffer_text(out, ")");
    }
}
