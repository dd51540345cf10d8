/* SPDX-License-Identifier: Apache-2.0
 * Lossless transforms of JPEG. libjpeg asks for the rows of blocks that it writes through its memory manager: there they are
 * made, out of the stored image's coefficients, so that the result's are never all in memory. */
#include "encode/jpeg_transform.h"

#include "decode/jpeg_decoder.h"
#include "encode/jpeg_output.h"

enum { MOST_DOWN = 4 /* rows of blocks of a component in a row of MCUs */ };

/* What libjpeg takes for an array of a component's blocks. */
typedef struct component {
    jvirt_barray_ptr array; /* of the stored image */
    uint32_t blocks, rows; /* in that array */
    uint32_t first, first_row; /* block in it that becomes the result's first one */
    uint32_t across;       /* blocks in a row of the result */
    JBLOCK *room;          /* MOST_DOWN rows of across blocks; pool */
    JBLOCKROW lines[MOST_DOWN];
} component;

typedef struct mover {
    smalti__jpeg_output out;
    smalti__jpeg_decoder *from;
    const smalti__jpeg_transform_plan *plan;
    component components[4];
    uint32_t mcu_across, mcu_down; /* of the stored image, in pixels */
} mover;

/* ---- geometry ---- */

/* Pixels of an MCU as stored. Where there is but one component its sampling factors mean nothing. */
static void mcu_size(const smalti__jpeg_head *head, uint32_t *across, uint32_t *down)
{
    *across = DCTSIZE * (head->components == 1 ? 1 : head->max_h);
    *down = DCTSIZE * (head->components == 1 ? 1 : head->max_v);
}

/* Along one axis of the stored image: flip: its end comes first in the result. */
static smalti_result fit_axis(const smalti__decoder *decoder, const char *axis, uint32_t mcu, bool flip, bool trim,
                              uint32_t *start, uint32_t *end, smalti_error *error)
{
    uint32_t edge = flip ? *end : *start, whole = flip ? edge / mcu * mcu : (edge + mcu - 1) / mcu * mcu;
    if (whole == edge)
        return SMALTI_OK;
    if (!trim)
        return smalti__source_fail(decoder->source, error, SMALTI_E_UNSUPPORTED, SMALTI_NO_OFFSET,
                                   "not without loss: %s %u of the stored image is not between blocks of %u pixels",
                                   axis, edge, mcu);
    *(flip ? end : start) = whole;
    if (*start < *end)
        return SMALTI_OK;
    return smalti__source_fail(decoder->source, error, SMALTI_E_UNSUPPORTED, SMALTI_NO_OFFSET,
                               "not without loss: nothing is left of less than a block of %u pixels", mcu);
}

static void take_orientation(uint32_t orientation, smalti__jpeg_transform_plan *plan)
{
    plan->turned = orientation >= 5;
    plan->mirrored = orientation == 2 || orientation == 3 || orientation == 6 || orientation == 7;
    plan->flipped = orientation == 3 || orientation == 4 || orientation == 7 || orientation == 8;
}

/* From the upright image's rectangle to the stored image's. */
static void take_rectangle(const smalti_info *info, const smalti__jpeg_transform *transform,
                           smalti__jpeg_transform_plan *plan)
{
    bool turned = plan->turned && !transform->stored, mirrored = plan->mirrored && !transform->stored;
    bool flipped = plan->flipped && !transform->stored;
    uint32_t width = turned ? info->height : info->width, height = turned ? info->width : info->height;
    uint32_t left = transform->x, right = left + transform->width, top = transform->y, bottom = top + transform->height;
    if (!transform->width)
        left = top = 0, right = width, bottom = height;
    uint32_t x0 = mirrored ? width - right : left, x1 = mirrored ? width - left : right;
    uint32_t y0 = flipped ? height - bottom : top, y1 = flipped ? height - top : bottom;
    plan->left = turned ? y0 : x0, plan->right = turned ? y1 : x1;
    plan->top = turned ? x0 : y0, plan->bottom = turned ? x1 : y1;
}

static size_t room_bytes(const smalti__jpeg_head *head, const smalti__jpeg_transform_plan *plan)
{
    size_t blocks = 0;
    for (uint32_t i = 0; i < head->components; i++)
        blocks += MOST_DOWN * (plan->width / DCTSIZE + 2);
    return blocks * sizeof(JBLOCK);
}

smalti_result smalti__jpeg_transform_make(smalti__decoder *decoder, const smalti__jpeg_transform *transform,
                                          smalti__jpeg_transform_plan *plan, smalti_error *error)
{
    smalti__jpeg_decoder *from = (smalti__jpeg_decoder *)decoder;
    const smalti_info *info = &decoder->info;
    smalti__jpeg_transform_plan made = {0};
    uint32_t across, down;
    if (transform->orientation < 1 || transform->orientation > 8)
        return smalti__fail(error, SMALTI_E_INVALID_RANGE, "orientation %u is not between 1 and 8",
                            transform->orientation);
    take_orientation(transform->orientation, &made);
    bool turned = made.turned && !transform->stored;
    uint32_t width = turned ? info->height : info->width, height = turned ? info->width : info->height;
    if (transform->width && (!transform->height || transform->x >= width || transform->width > width - transform->x ||
                             transform->y >= height || transform->height > height - transform->y))
        return smalti__source_fail(decoder->source, error, SMALTI_E_INVALID_RANGE, SMALTI_NO_OFFSET,
                                   "%ux%u pixels at %u,%u are not within %ux%u", transform->width, transform->height,
                                   transform->x, transform->y, width, height);
    take_rectangle(info, transform, &made);
    mcu_size(&from->head, &across, &down);
    /* what is mirrored once turned is flipped as stored */
    bool from_right = made.turned ? made.flipped : made.mirrored,
         from_bottom = made.turned ? made.mirrored : made.flipped;
    SMALTI__TRY(fit_axis(decoder, "column", across, from_right, transform->trim, &made.left, &made.right, error));
    SMALTI__TRY(fit_axis(decoder, "row", down, from_bottom, transform->trim, &made.top, &made.bottom, error));
    made.width = made.turned ? made.bottom - made.top : made.right - made.left;
    made.height = made.turned ? made.right - made.left : made.bottom - made.top;
    smalti__jpeg_want_coefficients(from);
    enum { TABLES = 256 * 1024 /* of the encoder; twice as many when it makes its own */ };
    if (!smalti__add(decoder->work_bytes, TABLES + SMALTI__JPEG_BLOCK + room_bytes(&from->head, &made),
                     &made.work_bytes))
        made.work_bytes = SIZE_MAX;
    *plan = made;
    return SMALTI_OK;
}

/* ---- blocks ---- */

/* An inverse transform along one axis is mirrored by the signs of its odd coefficients. */
static void move_block(const smalti__jpeg_transform_plan *plan, const JCOEF *from, JCOEF *to)
{
    for (uint32_t v = 0; v < DCTSIZE; v++) {
        for (uint32_t u = 0; u < DCTSIZE; u++) {
            JCOEF value = plan->turned ? from[u * DCTSIZE + v] : from[v * DCTSIZE + u];
            bool negative = (plan->mirrored && u % 2) != (plan->flipped && v % 2);
            to[v * DCTSIZE + u] = negative ? (JCOEF)-value : value;
        }
    }
}

static const JCOEF *stored_block(const mover *self, const component *c, uint32_t column, uint32_t row)
{
    struct jpeg_decompress_struct *jpeg = &self->from->jpeg;
    JBLOCKARRAY rows = jpeg->mem->access_virt_barray((j_common_ptr)jpeg, c->array, row, 1, FALSE);
    return rows[0][column];
}

/* Row y of the result. Blocks behind the stored image's last ones are never shown. */
static void make_row(const mover *self, const component *c, uint32_t y, JBLOCKROW to)
{
    const smalti__jpeg_transform_plan *plan = self->plan;
    for (uint32_t x = 0; x < c->across; x++) {
        uint32_t along = plan->turned ? y : x, down = plan->turned ? x : y;
        bool back = plan->turned ? plan->flipped : plan->mirrored, up = plan->turned ? plan->mirrored : plan->flipped;
        uint32_t column = back ? c->first - along : c->first + along;
        uint32_t row = up ? c->first_row - down : c->first_row + down;
        if (column < c->blocks && row < c->rows)
            move_block(plan, stored_block(self, c, column, row), to[x]);
        else
            memset(to[x], 0, sizeof to[x]);
    }
}

/* In the place of the memory manager's own function, for the encoder alone. */
static JBLOCKARRAY make_rows(j_common_ptr common, jvirt_barray_ptr array, JDIMENSION first, JDIMENSION count,
                             boolean writable)
{
    const smalti__jpeg_output *out = common->client_data;
    const mover *self = (const mover *)out; /* its first member */
    component *c = (component *)(void *)array;
    (void)writable;
    for (JDIMENSION i = 0; i < count && i < MOST_DOWN; i++)
        make_row(self, c, first + i, c->lines[i]);
    return c->lines;
}

/* ---- the file ---- */

static void turn_tables(struct jpeg_compress_struct *jpeg)
{
    for (int i = 0; i < NUM_QUANT_TBLS; i++) {
        UINT16 turned[DCTSIZE2];
        if (!jpeg->quant_tbl_ptrs[i])
            continue;
        for (int k = 0; k < DCTSIZE2; k++)
            turned[k] = jpeg->quant_tbl_ptrs[i]->quantval[k % DCTSIZE * DCTSIZE + k / DCTSIZE];
        memcpy(jpeg->quant_tbl_ptrs[i]->quantval, turned, sizeof turned);
    }
    UINT16 density = jpeg->X_density;
    jpeg->X_density = jpeg->Y_density;
    jpeg->Y_density = density;
}

/* Names of components need not differ for a file of one scan to be decoded, but scans of one component go by them. Others
 * than 1, 2, 3 are kept: they may say that the colours are RGB. */
static void tell_apart(struct jpeg_compress_struct *jpeg)
{
    bool same = false;
    for (int i = 0; i < jpeg->num_components; i++)
        for (int k = 0; k < i; k++)
            same |= jpeg->comp_info[i].component_id == jpeg->comp_info[k].component_id;
    for (int i = 0; same && i < jpeg->num_components; i++)
        jpeg->comp_info[i].component_id = i + 1;
}

static void describe(mover *self)
{
    struct jpeg_decompress_struct *from = &self->from->jpeg;
    struct jpeg_compress_struct *jpeg = &self->out.jpeg;
    jpeg_copy_critical_parameters(from, jpeg);
    jpeg->image_width = self->plan->width;
    jpeg->image_height = self->plan->height;
    if (self->plan->turned)
        turn_tables(jpeg);
    for (int i = 0; i < jpeg->num_components; i++) {
        jpeg_component_info *info = &jpeg->comp_info[i];
        int h = from->comp_info[i].h_samp_factor, v = from->comp_info[i].v_samp_factor;
        info->h_samp_factor = jpeg->num_components == 1 ? 1 : self->plan->turned ? v : h;
        info->v_samp_factor = jpeg->num_components == 1 ? 1 : self->plan->turned ? h : v;
    }
    tell_apart(jpeg);
    if (jpeg->num_components == 4) /* it says that the inks are inverted */
        jpeg->write_Adobe_marker = from->saw_Adobe_marker;
    jpeg->optimize_coding = TRUE; /* the tables of the standard may lack what another encoder wrote */
    if (self->out.params->progressive)
        jpeg_simple_progression(jpeg);
}

/* Where the result's first block is, and what its rows have. */
static void take_component(mover *self, int index)
{
    const smalti__jpeg_transform_plan *plan = self->plan;
    const jpeg_component_info *from = &self->from->jpeg.comp_info[index], *to = &self->out.jpeg.comp_info[index];
    component *c = &self->components[index];
    bool single = self->from->head.components == 1;
    uint32_t h = single ? 1 : (uint32_t)from->h_samp_factor, v = single ? 1 : (uint32_t)from->v_samp_factor;
    bool back = plan->turned ? plan->flipped : plan->mirrored, up = plan->turned ? plan->mirrored : plan->flipped;
    c->array = self->from->arrays[index];
    c->blocks = from->width_in_blocks;
    c->rows = from->height_in_blocks;
    c->first = back ? plan->right / self->mcu_across * h - 1 : plan->left / self->mcu_across * h;
    c->first_row = up ? plan->bottom / self->mcu_down * v - 1 : plan->top / self->mcu_down * v;
    uint32_t mcu = plan->turned ? self->mcu_down : self->mcu_across;
    c->across = (plan->width + mcu - 1) / mcu * (uint32_t)to->h_samp_factor;
}

static void write_file(void *user)
{
    mover *self = user;
    jvirt_barray_ptr arrays[4];
    smalti__jpeg_output_create(&self->out);
    describe(self);
    struct jpeg_compress_struct *jpeg = &self->out.jpeg;
    for (int i = 0; i < jpeg->num_components; i++) {
        component *c = &self->components[i];
        take_component(self, i);
        size_t bytes = MOST_DOWN * c->across * sizeof *c->room;
        c->room = smalti__pool_get(self->out.params->pool, bytes);
        if (!c->room)
            smalti__jpeg_output_leave(&self->out, smalti__fail_nomem(self->out.error, bytes));
        for (uint32_t y = 0; y < MOST_DOWN; y++)
            c->lines[y] = c->room + y * c->across;
        arrays[i] = (jvirt_barray_ptr)(void *)c;
    }
    jpeg->mem->access_virt_barray = make_rows;
    jpeg_write_coefficients(jpeg, arrays);
    smalti__jpeg_output_metadata(&self->out);
    jpeg_finish_compress(jpeg);
}

smalti_result smalti__jpeg_transform_write(smalti__decoder *decoder, const smalti__jpeg_transform_plan *plan,
                                           smalti__sink *sink, const smalti__encode_params *params, smalti_error *error)
{
    mover self = {.from = (smalti__jpeg_decoder *)decoder, .plan = plan};
    mcu_size(&self.from->head, &self.mcu_across, &self.mcu_down);
    smalti_result result = smalti__jpeg_output_open(&self.out, sink, params, error);
    if (result == SMALTI_OK)
        result = smalti__jpeg_output_protect(&self.out, write_file, &self, error);
    for (uint32_t i = 0; i < SMALTI__COUNT(self.components); i++)
        smalti__pool_put(params->pool, self.components[i].room);
    smalti__jpeg_output_close(&self.out);
    return result;
}
