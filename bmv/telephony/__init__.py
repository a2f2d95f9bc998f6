"""What Twilio says and wants to hear: webhooks, TwiML, Media Streams, REST, signatures."""
