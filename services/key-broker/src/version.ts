/** Of this service, as answers name it. */
export const serviceVersion = '0.1.0'
