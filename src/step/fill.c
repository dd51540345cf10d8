/* SPDX-License-Identifier: Apache-2.0
 * Background colours of steps: what they ask of a shape, and as pixels of it. */
#include "step/kinds.h"

smalti__fill smalti__step_fill(const smalti__step *step, int index)
{
    return (smalti__fill){(uint32_t)step->values[index].number, step->values[index].given};
}

smalti_result smalti__program_straight(smalti__program *program, smalti_error *error)
{
    smalti__shape to = program->shape;
    to.premultiplied = false;
    return smalti__program_convert(program, &to, error);
}

smalti_result smalti__program_hold(smalti__program *program, const smalti__fill *fill, smalti_error *error)
{
    smalti__shape to = program->shape;
    uint32_t red = fill->color >> 24, green = fill->color >> 16 & 255, blue = fill->color >> 8 & 255;
    to.premultiplied = false;
    if (fill->given && to.channels < 3 && (red != green || green != blue))
        to.channels += 2;
    if (fill->given && to.channels % 2 && (fill->color & 255) != 255)
        to.channels++;
    return smalti__program_convert(program, &to, error);
}

void smalti__fill_pixel(const smalti__fill *fill, const smalti__shape *shape, const uint8_t background[3],
                        uint8_t pixel[16])
{
    /* what is not given is transparent: it stays so, or is flattened over the background */
    uint8_t color[4] = {0}, room[16] = {0};
    const smalti__shape from = {1, 1, 4, SMALTI_SAMPLE_U8, false};
    smalti__shape to = *shape;
    to.width = to.height = 1;
    if (fill->given)
        smalti__put_be32(color, fill->color);
    smalti__convert_rows(&from, color, sizeof color, &to, room, sizeof room, 1, background);
    memcpy(pixel, room, sizeof room);
}

void smalti__fill_row(uint8_t *dst, const uint8_t *pixel, size_t bytes, size_t count)
{
    size_t all = bytes * count, done = bytes;
    if (!count)
        return;
    memcpy(dst, pixel, bytes);
    for (; done < all; done *= 2) /* what is there, behind itself */
        memcpy(dst + done, dst, done <= all - done ? done : all - done);
}
