/* Convolution as matrix products: the image's surroundings of each output pixel as columns, and back.
 *   columns (images, channels * taps, out_height * out_width), channels being those of all groups.
 * A launch handles `images` images from `first` on; columns begin at the first of them. */

/* Work-item (column, row of the output, image and channel). */
__kernel void im2col(const __global float *restrict x, __global float *restrict columns, int first, int images,
                     int channels, int height, int width, int out_height, int out_width, int kernel_y, int kernel_x,
                     int stride_y, int stride_x, int pad_y, int pad_x, int dilation_y, int dilation_x) {
    const int q = (int)get_global_id(0), p = (int)get_global_id(1), plane = (int)get_global_id(2);
    if (q >= out_width || p >= out_height || plane >= images * channels) return;
    const size_t pixels = (size_t)out_height * out_width;
    x += ((size_t)first * channels + plane) * height * width;
    columns += (size_t)plane * kernel_y * kernel_x * pixels + (size_t)p * out_width + q;
    for (int r = 0; r < kernel_y; r++) {
        const int h = p * stride_y - pad_y + r * dilation_y;
        for (int s = 0; s < kernel_x; s++, columns += pixels) {
            const int w = q * stride_x - pad_x + s * dilation_x;
            const bool inside = h >= 0 && h < height && w >= 0 && w < width;
            *columns = inside ? x[(size_t)h * width + w] : 0.0f;
        }
    }
}

/* dx = for each element the sum of the columns' elements that im2col would have taken from it. Work-item (column,
 * row of the image, image and channel). */
__kernel void col2im(const __global float *restrict columns, __global float *restrict dx, int first, int images,
                     int channels, int height, int width, int out_height, int out_width, int kernel_y, int kernel_x,
                     int stride_y, int stride_x, int pad_y, int pad_x, int dilation_y, int dilation_x) {
    const int w = (int)get_global_id(0), h = (int)get_global_id(1), plane = (int)get_global_id(2);
    if (w >= width || h >= height || plane >= images * channels) return;
    const size_t pixels = (size_t)out_height * out_width;
    columns += (size_t)plane * kernel_y * kernel_x * pixels;
    float sum = 0.0f;
    for (int r = 0; r < kernel_y; r++) {
        const int y = h + pad_y - r * dilation_y;
        if (y < 0 || y % stride_y != 0 || y / stride_y >= out_height) continue;
        for (int s = 0; s < kernel_x; s++) {
            const int x = w + pad_x - s * dilation_x;
            if (x < 0 || x % stride_x != 0 || x / stride_x >= out_width) continue;
            sum += columns[(r * kernel_x + s) * pixels + (size_t)(y / stride_y) * out_width + x / stride_x];
        }
    }
    dx[(((size_t)first * channels + plane) * height + h) * width + w] = sum;
}

/* dw (+)= the sum over `images` of parts (images, count), in order. */
__kernel void add_images(const __global float *restrict parts, __global float *restrict dw, int count, int images,
                         int add) {
    const int i = (int)get_global_id(0);
    if (i >= count) return;
    float sum = add ? dw[i] : 0.0f;
    for (int n = 0; n < images; n++) sum += parts[(size_t)n * count + i];
    dw[i] = sum;
}
